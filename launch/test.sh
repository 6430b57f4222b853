#!/usr/bin/env bash
# The tests, on a fresh machine: launch/test.sh [pytest arguments]
set -euo pipefail
# shellcheck source=launch/install.sh
source "$(dirname "$0")/install.sh"
install_all parity

export JAX_PLATFORMS=cpu TF_CPP_MIN_LOG_LEVEL=3
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/python -m pytest -n 2 -m "" "$@"
