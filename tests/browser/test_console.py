"""The web page in a real browser, against the real program: runs the scripts of console/e2e."""

import os
import shutil
import subprocess

import pytest

from harness import paths

CHROMIUM = os.environ.get("XC_CHROMIUM", "/usr/bin/chromium")


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="no Chromium on this machine")
@pytest.mark.skipif(not shutil.which("node"), reason="no Node on this machine")
def test_console(server, model):
    done = subprocess.run(
        ["npm", "run", "--silent", "e2e"],
        cwd=paths.ROOT / "console",
        env={
            **os.environ,
            "XC_CHROMIUM": CHROMIUM,
            "XC_E2E_URL": server.api.url,
            "XC_E2E_KEY": server.api.key,
            "XC_E2E_MODEL": model,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-8000:]
