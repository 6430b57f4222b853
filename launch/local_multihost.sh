#!/usr/bin/env bash
# Runs several processes on this machine as one run, to test a run on several hosts:
#   launch/local_multihost.sh [--dry_run] N [flags of s3rl_jax.train]
# Each process has DEVICES (default 1) devices. The output of process 0 is shown; the others write to files in LOGS (default: a
# new temporary folder). SIGTERM and Ctrl-C are passed on to all of them. --dry_run prints the commands and runs nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

dry_run=
if [ "${1:-}" = --dry_run ]; then dry_run=1 && shift; fi
if ! [[ "${1:-}" =~ ^[1-9][0-9]*$ ]]; then
  echo "error: $0: ${1:-nothing} where the number of processes was expected, for example $0 2 --config=configs/finetune.py --config.runlocal=True --workdir=runs/try" >&2
  exit 2
fi
count=$1 && shift
python=.venv/bin/python
[ -x "$python" ] || python=${PYTHON:-python3}
port=${PORT:-$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}
export JAX_PLATFORMS=${JAX_PLATFORMS:-cpu}
export XLA_FLAGS="${XLA_FLAGS:-} --xla_force_host_platform_device_count=${DEVICES:-1}"
if [ -z "$dry_run" ]; then
  logs=${LOGS:-$(mktemp -d)}
  mkdir -p "$logs"
fi

pids=()
trap '[ ${#pids[@]} = 0 ] || kill -TERM "${pids[@]}" 2>/dev/null || true' TERM INT

for ((process = 0; process < count; process++)); do
  command=("$python" -m s3rl_jax.train "$@" --coordinator="127.0.0.1:$port" --processes="$count" --process="$process")
  if [ -n "$dry_run" ]; then
    printf '%q ' env JAX_PLATFORMS="$JAX_PLATFORMS" XLA_FLAGS="${XLA_FLAGS# }" "${command[@]}" && echo
  elif [ "$process" = 0 ]; then
    "${command[@]}" &
    pids+=($!)
  else
    "${command[@]}" > "$logs/process-$process.log" 2>&1 &
    pids+=($!)
  fi
done

status=0
for pid in "${pids[@]}"; do
  ended=0
  wait "$pid" || ended=$?
  while kill -0 "$pid" 2>/dev/null; do # a signal that is passed on ends the wait, not the process
    ended=0
    wait "$pid" || ended=$?
  done
  [ "$ended" = 0 ] || status=$ended
done
[ "$status" = 0 ] || [ -n "$dry_run" ] || echo "a process ended with status $status; the others' logs are in $logs" >&2
exit "$status"
