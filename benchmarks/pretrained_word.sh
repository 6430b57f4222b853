#!/usr/bin/env bash
# Trains detectors of a word from the students that come with the package, and evaluates them on held-out people.
#   benchmarks/pretrained_word.sh CORPUS HELD RUNS [KEYWORD]
# CORPUS: one corpus or several, with recordings of the word; HELD: a corpus whose test split holds all held-out recordings. Two
# lanes run at once, on one core each: conv takes 6 minutes and 3 for evaluation, tiny 18 and 5, with 10 GB of memory each for 33
# hours of audio.
set -euo pipefail
corpus=$1 held=$2 runs=$3 keyword=${4:-alexa}
python=${PYTHON:-.venv/bin/python}

detector() { # detector CORE NAME [arguments of finetune]
  on=()
  if command -v taskset >/dev/null; then on=(taskset -c "$1"); fi
  "${on[@]}" "$python" -m s3rl_jax.train --config=configs/finetune.py --workdir="$runs/$2" --config.data.corpus="$corpus" \
    --config.keyword="$keyword" --config.steps=1500 --config.data.memory_gib=5 --config.data.mixture.keyword=0.15 \
    --config.data.mixture.negative=0.75 "${@:3}"
  "${on[@]}" "$python" -m s3rl_jax.evaluate --workdir="$runs/$2" --corpus="$held" --out="$runs/$2/report" --conditions=clean,snr_10,snr_5
}

detector 0 tiny-max --config.init=pretrained:tiny --config.head.pooling=max & other=$!
for pooling in max mean; do
  detector 1 "conv-$pooling" --config.init=pretrained:conv --config.head.pooling=$pooling --config.optimizer.learning_rate=2e-3
done
wait "$other"
"$python" -m benchmarks.det_picture "$runs/tiny-max/report" docs/images/det.svg
