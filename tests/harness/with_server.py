"""python -m harness.with_server COMMAND…: runs it beside a fresh server; its exit status."""

import os
import subprocess
import sys

from harness import paths
from harness.server import fresh_server


def main():
    with fresh_server() as server:
        named = {
            "XC_E2E_URL": server.api.url,
            "XC_E2E_KEY": server.api.key,
            "XC_E2E_MODEL": paths.MODEL,
        }
        status = subprocess.run(sys.argv[1:], env={**os.environ, **named}, check=False).returncode
        if status:
            print(server.log())
    return status


if __name__ == "__main__":
    sys.exit(main())
