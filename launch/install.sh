# shellcheck shell=bash
# Sourced by quickstart.sh and test.sh: makes .venv and installs the pinned set and the package, once for each state of
# the files that say what is to be installed. Uses uv where it is found, else pip.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

install_all() { # install_all [parity]
  local base stamp wanted
  base=${PYTHON:-python3}
  if ! command -v "$base" >/dev/null; then
    echo "error: no program $base; install Python 3.11 to 3.13, or name one: PYTHON=/path/to/python3.11 $0" >&2
    exit 2
  fi
  "$base" -I s3rl_jax/core/platforms.py || exit 2 # one line where a library has no wheel
  stamp=.venv/installed
  wanted=$(cat requirements.txt requirements-parity.txt setup.cfg setup.py pyproject.toml | cksum)
  if [ "$(head -n 1 "$stamp" 2>/dev/null)" != "$wanted" ]; then
    echo "installing into .venv (about a minute) ..." >&2
    if command -v uv >/dev/null; then
      uv venv --quiet --clear --seed --python "$base" .venv
      uv pip install --quiet --python .venv/bin/python -r requirements.txt
      uv pip install --quiet --python .venv/bin/python --no-deps -e .
    else
      "$base" -m venv --clear .venv
      .venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check -r requirements.txt
      .venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps -e .
    fi
    echo "$wanted" > "$stamp"
  fi
  # PyTorch comes with pip, which takes a CPU build where the machine offers one; uv would always take the largest.
  if [ "${1:-}" = parity ] && ! grep -qx parity "$stamp"; then
    .venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check -r requirements-parity.txt
    echo parity >> "$stamp"
  fi
}
