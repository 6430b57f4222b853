#!/usr/bin/env bash
# A run as a Kubernetes JobSet: launch/jobset.sh [--dry_run] [flags of s3rl_jax.train]
# From the environment: IMAGE, with s3rl_jax installed; CLAIM, a volume claim that all pods can write to, mounted at /shared,
# where corpus and workdir are; NAME (s3rl-jax); NODES (1); KIND (gpu, or tpu); CHIPS a node (8 GPUs, 4 TPU chips); SELECTOR, of
# nodes, as JSON, for example {"cloud.google.com/gke-tpu-topology": "8x8"}. --dry_run prints the manifest and applies nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

apply=(kubectl apply -f -)
if [ "${1:-}" = --dry_run ]; then apply=(cat) && shift; fi
fail() { echo "error: $0: $1" >&2 && exit 2; }
[ "$#" -gt 0 ] || fail "no flags of s3rl_jax.train; for example $0 --config=configs/distill.py --workdir=/shared/runs/distilled"
[ -n "${IMAGE:-}" ] || fail "IMAGE is not set; expected a container image with s3rl_jax in it"
[ -n "${CLAIM:-}" ] || fail "CLAIM is not set; expected the name of a persistent volume claim (ReadWriteMany)"
case ${KIND:-gpu} in
gpu) RESOURCE=nvidia.com/gpu CHIPS=${CHIPS:-8} ;;
tpu) RESOURCE=google.com/tpu CHIPS=${CHIPS:-4} ;;
*) fail "KIND=$KIND; expected gpu or tpu" ;;
esac
export IMAGE CLAIM RESOURCE CHIPS NAME=${NAME:-s3rl-jax} NODES=${NODES:-1} SELECTOR=${SELECTOR:-"{}"}
FLAGS=$(printf '%q ' "$@") && export FLAGS
[[ "$NAME" =~ ^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$ ]] || fail "NAME=$NAME; expected lower case letters, digits and dashes, 32 at most"
[[ "$NODES" =~ ^[1-9][0-9]*$ && "$CHIPS" =~ ^[1-9][0-9]*$ ]] || fail "NODES=$NODES CHIPS=$CHIPS; expected numbers"

# A dollar of the shell in the pod is written twice.
"${PYTHON:-python3}" -c 'import os, string; print(string.Template(open("launch/jobset.yaml").read()).substitute(os.environ), end="")' | "${apply[@]}"
