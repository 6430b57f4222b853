#!/usr/bin/env bash
# Runs s3rl_jax.train as a Kubernetes JobSet: launch/jobset.sh [--dry_run] [flags of s3rl_jax.train]
# Environment variables: IMAGE, an image with s3rl_jax installed; CLAIM, a volume claim that all pods can write to, which is
# mounted at /shared and holds corpus and workdir; NAME (default s3rl-jax); NODES (default 1); KIND, gpu (default) or tpu; CHIPS
# of a node (default 8 GPUs or 4 TPU chips); SELECTOR of nodes in JSON, for example {"cloud.google.com/gke-tpu-topology": "8x8"}.
# --dry_run prints the manifest and applies nothing.
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
[[ "$NAME" =~ ^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$ ]] || fail "NAME=$NAME; expected lower case letters, digits and dashes, 32 at most"
[[ "$NODES" =~ ^[1-9][0-9]*$ && "$CHIPS" =~ ^[1-9][0-9]*$ ]] || fail "NODES=$NODES CHIPS=$CHIPS; expected numbers"

# JSON is YAML too: quoted so, any text arrives as it is. Kubernetes reads two dollars as one.
manifest=$("${PYTHON:-python3}" - "$@" <<'END'
import json, os, string, sys

def fail(message):
    sys.exit(print(f"error: launch/jobset.sh: {message}", file=sys.stderr) or 2)

values = dict(os.environ)
run = [f"--coordinator={values['NAME']}-workers-0-0.{values['NAME']}:1234", f"--processes={values['NODES']}", "--preempted_status=75"]
for text in (*sys.argv[1:], values["IMAGE"], values["CLAIM"], values["SELECTOR"]):
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        fail(f"{text!r} is no UTF-8")
try:
    selector = json.loads(values["SELECTOR"])
    assert isinstance(selector, dict) and all(isinstance(value, str) for value in selector.values())
except (AssertionError, ValueError):
    fail(f"SELECTOR={values['SELECTOR']}; expected JSON such as {{\"a label of nodes\": \"its value\"}}")
values["ARGUMENTS"] = json.dumps([argument.replace("$", "$$") for argument in (*sys.argv[1:], *run)])
values |= {name: json.dumps(values[name]) for name in ("IMAGE", "CLAIM")}
print(string.Template(open("launch/jobset.yaml").read()).substitute(values), end="")
END
) || exit 2
"${apply[@]}" <<< "$manifest"
