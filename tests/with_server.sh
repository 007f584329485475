#!/usr/bin/env bash
# Runs a command beside a fresh server of the test model: XC_E2E_URL, XC_E2E_KEY and XC_E2E_MODEL name it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHONPATH="$root/tests" exec \
  "${XC_PYTHON:-${XC_DEPS:-$root/.deps}/venv/bin/python}" -m harness.with_server "$@"
