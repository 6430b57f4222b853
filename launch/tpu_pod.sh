#!/usr/bin/env bash
# Runs s3rl_jax.train on all workers of a TPU pod slice: launch/tpu_pod.sh [--dry_run] COMMAND NAME ZONE [...]
#   create NAME ZONE TYPE     creates a slice, for example a v5litepod-64 (SPOT=1: a cheaper one that can be preempted)
#   setup NAME ZONE           copies this tree to all workers and installs it there
#   run NAME ZONE [flags]     starts s3rl_jax.train on all workers; starts it again after a preemption or a failure
#   log NAME ZONE             shows the output of worker 0
#   stop NAME ZONE            sends SIGTERM to all workers: they save and end; `run` continues
#   delete NAME ZONE          deletes the slice
# The workdir and the corpus must be in a folder that all workers see (Filestore, or a bucket mounted by gcsfuse).
# --dry_run prints the commands and runs nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

dry_run=
if [ "${1:-}" = --dry_run ]; then dry_run=1 && shift; fi
if [ "$#" -lt 3 ]; then
  sed -n '2,9p' "$0" | cut -c 3- >&2
  exit 2
fi
command=$1 name=$2 zone=$3
shift 3
tpu=(gcloud compute tpus tpu-vm)

run() {
  if [ -n "$dry_run" ]; then printf '%q ' "$@" && echo; else "$@"; fi
}
on_workers() { run "${tpu[@]}" ssh "$name" --zone="$zone" --worker="$1" --command="$2"; }

case $command in
create)
  if [ "$#" != 1 ]; then echo "error: $0 create NAME ZONE TYPE: no type, for example v5litepod-64" >&2 && exit 2; fi
  run "${tpu[@]}" create "$name" --zone="$zone" --accelerator-type="$1" --version="${VERSION:-v2-alpha-tpuv5-lite}" ${SPOT:+--spot}
  ;;
setup)
  archive=s3rl_jax.tar.gz
  if [ -z "$dry_run" ]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    archive=$scratch/$archive
  fi
  run git archive --format=tar.gz --output="$archive" HEAD
  run "${tpu[@]}" scp "$archive" "$name:s3rl_jax.tar.gz" --zone="$zone" --worker=all
  on_workers all 'mkdir -p s3rl_jax && tar xzf s3rl_jax.tar.gz -C s3rl_jax && cd s3rl_jax && python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt && .venv/bin/pip install -q "jax[tpu]" && .venv/bin/pip install -q --no-deps -e .'
  ;;
run)
  if [ "$#" = 0 ]; then echo "error: $0 run NAME ZONE: no flags of s3rl_jax.train" >&2 && exit 2; fi
  # All workers end together, so each starts its own again.
  train=".venv/bin/python -m s3rl_jax.train $(printf '%q ' "$@")--coordinator=auto"
  on_workers all "cd s3rl_jax && nohup bash -c $(printf %q "for i in {1..100}; do $train && break; sleep 20; done") > run.log 2>&1 &"
  ;;
log) on_workers 0 'tail -n 20 -f s3rl_jax/run.log' ;;
stop) on_workers all 'pkill -TERM -f "[s]3rl_jax.train"' ;;
delete) run "${tpu[@]}" delete "$name" --zone="$zone" --quiet ;;
*)
  echo "error: $0: $command; expected create, setup, run, log, stop or delete" >&2
  exit 2
  ;;
esac
