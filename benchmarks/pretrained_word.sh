#!/usr/bin/env bash
# Trains detectors of a word from the students that come with the package, and evaluates them on held-out people.
#   benchmarks/pretrained_word.sh CORPUS HELD RUNS [KEYWORD]
# CORPUS: one corpus or several, with recordings of the word; HELD: a corpus whose test split holds all held-out recordings. Two
# lanes run at once, on one core each: tiny takes 25 minutes a seed of SEEDS ("0 1 2"), conv 12, each evaluation 5, with 6 GB of
# memory each for 33 hours.
# tiny learns from synthesised voices too; SHARES are the weights of CORPUS and of these voices, as data.mixture.corpora.
set -euo pipefail
corpus=$1 held=$2 runs=$3 keyword=${4:-alexa}
python=${PYTHON:-.venv/bin/python}

detector() { # detector CORE NAME [arguments of finetune]
  on=()
  if command -v taskset >/dev/null; then on=(taskset -c "$1"); fi
  "${on[@]}" "$python" -m s3rl_jax.train --config=configs/finetune.py --workdir="$runs/$2" --config.data.corpus="$corpus" \
    --config.keyword="$keyword" --config.data.memory_gib=5 --config.data.mixture.keyword=0.15 \
    --config.data.mixture.negative=0.75 "${@:3}"
  "${on[@]}" "$python" -m s3rl_jax.export --workdir="$runs/$2" --out="$runs/$2.tflite" --streaming --quantize=int8
  "${on[@]}" "$python" -m s3rl_jax.evaluate --workdir="$runs/$2" --corpus="$held" --out="$runs/$2/report" \
    --conditions=clean,snr_10,snr_5,snr_0
}

"$python" -m s3rl_jax.prepare --synthesize="$keyword" --minutes=24 --count=300 --out="$runs/voices"
tiny() {
  local corpus="$corpus,$runs/voices" seed
  for seed in ${SEEDS:-0 1 2}; do
    detector 0 "tiny$seed" --config.init=pretrained:tiny --config.steps=2000 --config.optimizer.average=0.998 \
      --config.seed="$seed" --config.data.mixture.corpora="${SHARES:-(8.6,25.7,4)}"
  done
}
tiny & other=$!
detector 1 conv --config.init=pretrained:conv --config.steps=3000 --config.optimizer.learning_rate=2e-3
wait "$other"
# int8 files, beside public detectors where they are installed and the word is theirs
"$python" -m benchmarks.peers --corpus="$held" --keyword="$keyword" --files="$runs/tiny0.tflite,$runs/conv.tflite" --peers=
"$python" -m benchmarks.det_picture "$runs/conv/report" docs/images/det.svg
