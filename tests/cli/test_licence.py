"""A licence that asks to be accepted: shown with its address and note, asked about once, written into the manifest."""

import json

import pytest

from cli.terminal import Terminal
from harness import gguf_file
from harness.home import Home

TELECHAT = "LicenseRef-TeleChat"


@pytest.fixture
def home():
    with Home() as fresh:
        yield fresh


@pytest.fixture
def file(home):
    """The small model as if it were a converted TeleChat."""
    return gguf_file.with_metadata(home.weights(), home.root / "t1.gguf", "general.license", TELECHAT)


def manifest(home, name):
    return json.loads((home.root / "models" / "manifests" / f"{name}.json").read_text())


@pytest.mark.parametrize("language, note", [("en", "commercial use needs an application"), ("zh", "商业使用须先发邮件")])
def test_nobody_to_ask_is_a_refusal(home, file, language, note):
    done = home.cli("import", file, "--name", "t1", "--lang", language, check=False)
    assert done.returncode == 1 and not done.stdout
    for part in (TELECHAT, "github.com/Tele-AI", note, "--yes"):
        assert part in done.stderr, done.stderr
    assert "t1" not in home.cli("list", "--names").stdout.split()


def test_accepted_once_and_written_down(home, file):
    done = home.cli("import", file, "--name", "one", "--yes")
    assert TELECHAT in done.stderr and "commercial use" in done.stderr
    first = manifest(home, "one")
    assert first["licence"] == TELECHAT
    accepted = first["licence_accepted"]
    assert accepted["how"] == "--yes" and accepted["by"] and accepted["url"].startswith("https://")
    assert abs(accepted["unix_ms"] - first["installed_unix_ms"]) < 600_000
    assert json.loads(home.cli("show", "one", "--json").stdout)["licence_accepted"] == accepted
    assert f"{TELECHAT} ({accepted['by']}, " in home.cli("show", "one").stdout
    # The second model under the same licence: shown, not asked; whose word it was stays written.
    done = home.cli("import", file, "--name", "two")
    assert "commercial use" in done.stderr and "accepted this licence on" in done.stderr
    assert manifest(home, "two")["licence_accepted"] == accepted


@pytest.mark.parametrize("answer, code", [("y", 0), ("n", 1)])
def test_asked_on_a_terminal(home, file, answer, code):
    with Terminal(home, "import", str(file), "--name", "t1") as terminal:
        terminal.wait_for("Do you accept")
        terminal.enter(answer)
        assert terminal.end() == code
    assert ("t1" in home.cli("list", "--names").stdout.split()) == (code == 0)
    if code == 0:
        assert manifest(home, "t1")["licence_accepted"]["how"] == "terminal"


def test_what_asks_for_nothing_is_not_asked(home):
    home.cli("import", home.weights(), "--name", "free")
    assert "licence_accepted" not in manifest(home, "free")
    gemma = gguf_file.with_metadata(home.weights(), home.root / "g.gguf", "general.license", "gemma")
    done = home.cli("import", gemma, "--name", "g", check=False)  # a licence of the catalogue's
    assert done.returncode == 1 and "ai.google.dev/gemma/terms" in done.stderr
