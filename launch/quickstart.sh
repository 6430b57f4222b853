#!/usr/bin/env bash
# From a word to its detector on a laptop, with a corpus that a synthesiser speaks and the student that comes with the package:
#   launch/quickstart.sh [--from-scratch] [--config.keyword=WORD] [--language=de] [--pronounce=WORD=PHONEMES]
#     [--confusions=FILE] [other arguments of s3rl_jax.train]
# --from-scratch shows the whole chain: a toy teacher is pre-trained on that corpus, and distilled into the student.
# --language, --pronounce and --confusions are flags of s3rl_jax.prepare: the voices' language, a pronunciation, sound-alikes.
# All files are written to quickstart/WORD/, or quickstart/WORD-LANGUAGE/. A second call continues where the first one stopped.
set -euo pipefail
begun=$SECONDS
# shellcheck source=launch/install.sh
source "$(dirname "$0")/install.sh"

keyword=alexa
init=pretrained:tiny
language=en
speech=()
both=()
for argument in "$@"; do
  case $argument in
    --config.keyword=*) keyword=${argument#*=} ;;
    --language=*) language=${argument#*=} ;;
    --pronounce=* | --confusions=*) speech+=("$argument") ;;
    --from-scratch) init= ;;
    *) both+=("$argument") ;;
  esac
done

number=0
total=5 minutes=10
[ -n "$init" ] || total=6 minutes=14
stage() {
  echo >&2
  echo "== $number/$total $1 ($(((SECONDS - begun) / 60))m$(((SECONDS - begun) % 60))s so far; the whole takes some $minutes minutes)" >&2
  number=$((number + 1))
}

stage "install"
install_all
export TF_CPP_MIN_LOG_LEVEL=3
python=.venv/bin/python
word=$("$python" -c 'import sys; from s3rl_jax.corpus.keywords import folder_name; print(folder_name(sys.argv[1]))' "$keyword")
out=quickstart/$word
[ "$language" = en ] || out+=-${language//[^A-Za-z0-9-]/_}
[ -n "$init" ] || out+=-from-scratch

stage "prepare: synthesise a corpus"
"$python" -m s3rl_jax.prepare --synthesize="$keyword" --language="$language" --minutes=16 --count=300 \
  --out="$out/corpus" "${speech[@]+"${speech[@]}"}"
if [ -z "$init" ]; then
  stage "train: pre-train a teacher, distil it into a student"
  init=$out/distilled
  "$python" -m s3rl_jax.train --config=configs/distill.py:quickstart --workdir="$init" \
    --config.data.corpus="$out/corpus" "${both[@]+"${both[@]}"}"
fi
stage "train: fine-tune the student to detect \"$keyword\""
"$python" -m s3rl_jax.train --config=configs/finetune.py:quickstart --workdir="$out/detector" \
  --config.data.corpus="$out/corpus" --config.init="$init" --config.keyword="$keyword" "${both[@]+"${both[@]}"}"
stage "evaluate"
# Recordings of people, where the starter set has some of the keyword; else synthetic voices among real speech.
tested=$out/corpus,starter
[ "$word" != alexa ] || tested=starter
"$python" -m s3rl_jax.evaluate --workdir="$out/detector" --corpus="$tested" --conditions=clean,snr_10,snr_5,snr_0 --out="$out/report"
stage "export"
"$python" -m s3rl_jax.export --workdir="$out/detector" --report="$out/report" --out="$out/detector.tflite" --streaming --quantize=int8

stage "done"
"$python" - "$out" <<'END'
import json, sys
out = sys.argv[1]
measured = json.load(open(f"{out}/report/metrics.json"))
clean = measured["conditions"]["clean"]
rate = clean["breakdown_at_fa_per_hour"]  # the lowest that the hours can show
def rejects(name):
    result = measured["conditions"][name]
    low, high = result["frr_interval_95"][rate]
    return f"{result['frr_at_fa_per_hour'][rate]:.1%} ({low:.1%}-{high:.1%})"
print(f"report    {out}/report/index.html")
print(f"model     {out}/detector.tflite")
print(f"misses at {rate} false accepts an hour: {rejects('clean')} in clean, {rejects('snr_5')} in noise at 5 dB")
if few := clean["too_few_hours_for"]:
    print(f"  ({measured['negative_hours']:.2f} h of negatives are too few to show {', '.join(few)} an hour)")
if measured["synthetic_positives"]:
    print("No real recording of the keyword was there: these misses are of synthetic voices. People are missed more often.")
else:
    print(f"These are {measured['positives']} recordings of people that training did not hear.")
print(f"next      .venv/bin/python -m s3rl_jax.detect {out}/detector.tflite YOUR.wav    (16 kHz)")
END
