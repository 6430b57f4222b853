#!/usr/bin/env bash
# The tables of docs/results.md: distilled and undistilled detectors on one corpus.
#   benchmarks/real_audio.sh CORPUS RUNS [KEYWORD]
# Some 100 minutes on two cores, in two lanes, a core each; finished runs are not repeated. Prints the table.
set -euo pipefail
corpus=$1 runs=$2 keyword=${3:-alexa}
python=${PYTHON:-.venv/bin/python}

on() { # on CORE command...
  if command -v taskset >/dev/null; then taskset -c "$1" "${@:2}"; else "${@:2}"; fi
}
train() { # train CORE CONFIG NAME [arguments]
  on "$1" "$python" -m s3rl_jax.train --config="configs/$2.py" --workdir="$runs/$3" --config.data.corpus="$corpus" "${@:4}"
}
detector() { # detector CORE NAME [arguments of finetune]
  train "$1" finetune "$2" --config.keyword="$keyword" "${@:3}"
  if [ ! -f "$runs/$2/report/metrics.json" ]; then
    on "$1" "$python" -m s3rl_jax.evaluate --workdir="$runs/$2" --corpus="$corpus" --out="$runs/$2/report"
  fi
}
undistilled() {
  for seed in 0 1; do
    detector 1 "$keyword-tiny-random-$seed" --config.init= --config.student.size=tiny --config.seed=$seed
  done
}
others() {
  detector 1 "$keyword-conv-random-0" --config.init= --config.student.size=conv --config.steps=2000 --config.optimizer.learning_rate=4e-3
  for seed in 0 1; do
    detector 1 "$keyword-window-random-$seed" --config.init= --config.student.size=tiny --config.student.streaming=False --config.seed=$seed
  done
}

undistilled & other=$!
train 0 pretrain teacher
wait "$other"
others & other=$!
train 0 distill distilled-tiny --config.teacher.source="$runs/teacher" --config.student.size=tiny
for seed in 0 1; do
  detector 0 "$keyword-tiny-distilled-$seed" --config.init="$runs/distilled-tiny" --config.seed=$seed
done
train 0 distill distilled-window --config.teacher.source="$runs/teacher" --config.student.streaming=False
for seed in 0 1; do
  detector 0 "$keyword-window-distilled-$seed" --config.init="$runs/distilled-window" --config.seed=$seed
done
wait "$other"
"$python" -m benchmarks.table "$runs/$keyword"-{tiny,window}-{random,distilled} "$runs/$keyword-conv-random"
