#!/usr/bin/env bash
# What the README's table is made of: distilled and undistilled detectors on one corpus.
#   benchmarks/real_audio.sh CORPUS RUNS [KEYWORD]
# Two hours on two cores; finished runs are not repeated. Prints the table.
set -euo pipefail
corpus=$1 runs=$2 keyword=${3:-alexa}
python=${PYTHON:-.venv/bin/python}

train() { "$python" -m s3rl_jax.train --config="configs/$1.py" --workdir="$runs/$2" --config.data.corpus="$corpus" "${@:3}"; }
detector() { # detector NAME [arguments of finetune]
  train finetune "$1" --config.keyword="$keyword" "${@:2}"
  if [ ! -f "$runs/$1/report/metrics.json" ]; then
    "$python" -m s3rl_jax.evaluate --workdir="$runs/$1" --corpus="$corpus" --out="$runs/$1/report"
  fi
}

train pretrain teacher
train distill distilled-tiny --config.teacher.source="$runs/teacher" --config.student.size=tiny
train distill distilled-small --config.teacher.source="$runs/teacher" --config.student.size=small --config.steps=600
for seed in 0 1; do
  detector "$keyword-tiny-random-$seed" --config.student.size=tiny --config.seed=$seed
  detector "$keyword-tiny-distilled-$seed" --config.init="$runs/distilled-tiny" --config.seed=$seed
done
detector "$keyword-small-random-0" --config.student.size=small --config.steps=400
detector "$keyword-small-distilled-0" --config.init="$runs/distilled-small" --config.steps=400
"$python" benchmarks/table.py "$runs/$keyword"-{tiny,small}-{random,distilled}
