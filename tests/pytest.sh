#!/usr/bin/env bash
# What ctest calls: pytest in the environment that ./x test made.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root/tests"
exec "${XC_PYTHON:-${XC_DEPS:-$root/.deps}/venv/bin/python}" -m pytest "$@"
