#!/usr/bin/env bash
# The students that come with the package, distilled from Whisper tiny.en and packed into s3rl_jax/pretrained.
#   benchmarks/students.sh CORPUS TEACHER RUNS [SIZE...]
# CORPUS: prepared from the manifest of benchmarks.join_manifests; TEACHER: a folder of openai/whisper-tiny.en. On an H200 the
# targets of 25.6 hours take a minute and a half (10 GB in RUNS/targets), then each student two. On two cores: 14 minutes, then
# conv 40 minutes of one core, tiny 40, small six hours (estimated from the rate of steps).
# A stopped run continues with the same command.
set -euo pipefail
corpus=$1 teacher=$2 runs=$3
shift 3
python=${PYTHON:-.venv/bin/python}

sources="Recorded by people for Common Voice (50 languages), LibriSpeech, CMU ARCTIC, Rhasspy's voices, Speech Commands, Arabic \
commands, spoken orders and wake words; share-alike recordings and those without a stated licence were left out, and all validation \
and test speakers. The noise that was mixed in is counted under the licences too."

for size in "${@:-tiny}"; do
  case $size in # by the table in docs/results.md
    tiny) recipe=(--config.steps=4000) ;;
    *) recipe=(--config.steps=8000 --config.loss.dual_view=1.0) ;;
  esac
  "$python" -m s3rl_jax.train --config=configs/distill.py --workdir="$runs/$size" --config.data.corpus="$corpus" \
    --config.teacher.source="$teacher" --config.teacher.layers=2-4 --config.teacher.cache=True \
    --config.teacher.cache_dir="$runs/targets" --config.student.size="$size" --config.batch_size=48 "${recipe[@]}"
  "$python" -m s3rl_jax.pretrained --workdir="$runs/$size" --out="s3rl_jax/pretrained/$size" \
    --teacher="the encoder of Whisper tiny.en (OpenAI, MIT), hidden states 2 to 4" --sources="$sources" \
    --commands="python -m benchmarks.join_manifests --out=/data/free.csv --splits=train --without=\"SA,no licence file,Freesound\" MANIFEST...
python -m s3rl_jax.prepare --source=/data/free.csv --out=/data/free
benchmarks/students.sh /data/free whisper-tiny.en runs $size"
done
