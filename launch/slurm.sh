#!/usr/bin/env bash
# Runs s3rl_jax.train on a Slurm cluster, with one process for each GPU: launch/slurm.sh [--dry_run] [flags of s3rl_jax.train]
# Environment variables: NODES (default 1), GPUS of a node (default 8), TIME (default 24:00:00), SBATCH (more options of sbatch).
# `.venv` and the workdir must be on a disk that all nodes see. A minute before its time limit, or when it is preempted, the job
# saves and is queued again; then it continues. --dry_run prints the batch script and submits nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

submit=(sbatch)
if [ "${1:-}" = --dry_run ]; then submit=(cat) && shift; fi
if [ "$#" = 0 ]; then
  echo "error: $0: no flags of s3rl_jax.train; for example NODES=2 $0 --config=configs/distill.py --workdir=/shared/runs/distilled" >&2
  exit 2
fi
for name in NODES GPUS; do
  value=${!name:-1}
  if ! [[ "$value" =~ ^[1-9][0-9]*$ ]]; then
    echo "error: $0: $name=$value; expected a number" >&2
    exit 2
  fi
done
gpus=${GPUS:-8}
if ! [[ "${TIME:-24:00:00}" =~ ^[0-9:-]+$ ]]; then
  echo "error: $0: TIME=$TIME; expected a time such as 24:00:00" >&2
  exit 2
fi
extra=
read -r -d '' -a options <<< "${SBATCH:-}" || true # words, without the shell's wildcards
for option in "${options[@]+"${options[@]}"}"; do
  if ! [[ "$option" =~ ^-[[:print:]]+$ ]]; then
    echo "error: $0: SBATCH=$SBATCH; expected options of sbatch, --name=value, with spaces between them" >&2
    exit 2
  fi
  extra+="#SBATCH $option"$'\n'
done

"${submit[@]}" <<END
#!/usr/bin/env bash
#SBATCH --job-name=s3rl_jax
#SBATCH --nodes=${NODES:-1}
#SBATCH --ntasks-per-node=$gpus
#SBATCH --gpus-per-node=$gpus
#SBATCH --time=${TIME:-24:00:00}
#SBATCH --signal=TERM@60
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=s3rl_jax-%j.log
${extra}
cd $(printf %q "$PWD")
status=0
srun --kill-on-bad-exit=1 .venv/bin/python -m s3rl_jax.train $(printf '%q ' "$@")--coordinator=auto --preempted_status=75 || status=\$?
if [ "\$status" = 75 ]; then scontrol requeue "\$SLURM_JOB_ID"; fi
exit "\$status"
END
