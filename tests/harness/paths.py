"""Where the program, the test home and short temporary folders are."""

import os
import pathlib
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("XC_BUILD", ROOT / "build"))
PROGRAM = BUILD / "bin" / "xingcha"
MODEL = "smollm2-135m-instruct"
# Every wait in the tests ends here; a bound against hanging, never an assertion about speed.
PATIENCE_S = 120


def test_home():
    usual = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    return pathlib.Path(os.environ.get("XC_TEST_HOME", usual / "xingcha" / "test-home"))


def short_folder(name="xc"):
    """A folder with a short path: a Unix socket's path has at most 107 bytes."""
    return pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/tmp"))


def clean_environment(**more):
    """The caller's variables without those that change what the program does."""
    dropped = ("XINGCHA_", "XC_", "LC_", "LANG", "http_proxy", "https_proxy", "all_proxy")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    kept = {k: v for k, v in kept.items() if not k.upper().endswith("_PROXY")}
    return {**kept, "LC_ALL": "C.UTF-8", "XINGCHA_LANG": "en", **more}
