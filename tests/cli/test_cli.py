"""The commands without a server and beside one: what they print, where, and how they exit."""

import json
import os
import re
import shutil
import signal
import subprocess
import tomllib

import pytest

from harness import paths
from harness.home import Home
from harness.server import alive, free_port, wait_until

COMMANDS = [
    "serve", "run", "pull", "list", "show", "rm", "import", "convert", "quantize", "plan", "ps", "stop", "key",
    "key create", "key list", "key rotate", "key revoke", "tenant", "tenant create", "tenant list",
    "tenant add-workspace", "tenant suspend", "tenant resume", "tenant audit-content", "user", "user create", "user list",
    "user password", "user totp", "user disable", "user enable", "doctor", "bench", "usage", "pool", "pool list",
    "pool set",
    "pool rm", "pool route", "pool clearance", "endpoint", "endpoint set", "endpoint rm", "secrets", "secrets rotate",
    "verify-audit", "completion",
]
OTHER = "qwen2.5-coder-1.5b-instruct"  # in the catalogue, not in the tests' home
CHINESE = re.compile("[\u4e00-\u9fff]")
LANGUAGES = [("en", "There is no"), ("zh", "没有")]


@pytest.fixture
def home():
    with Home() as fresh:
        yield fresh


@pytest.fixture
def bare():
    with Home(models=False) as fresh:
        yield fresh


def json_of(home, *arguments, code=0, **more):
    done = home.cli(*arguments, "--json", check=False, **more)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def refused(home, *arguments, code=1, **more):
    """What the program says on stderr when it refuses; stdout stays empty."""
    done = home.cli(*arguments, check=False, **more)
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    assert not done.stdout and done.stderr.strip()
    return done.stderr


# --- help, languages, usage ---


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_in_both_languages(bare, command):
    words = command.split()
    english = bare.cli(*words, "--help", "--lang", "en").stdout
    chinese = bare.cli(*words, "--help", XINGCHA_LANG="zh").stdout
    assert f"Usage: xingcha {command}".rstrip() in english and "--help" in english
    assert not CHINESE.search(english)
    assert "用法" in chinese and len(CHINESE.findall(chinese)) > 10
    assert english.splitlines()[2].split()[1:] and len(english.splitlines()) == len(chinese.splitlines())


def test_the_first_help_names_every_command(bare):
    shown = bare.cli("--help").stdout
    assert all(f"  {command} " in shown for command in COMMANDS if " " not in command)
    assert "worker" not in shown  # internal
    assert bare.cli().stdout == shown and bare.cli("help").stdout == shown
    assert bare.cli("help", "run").stdout == bare.cli("run", "--help").stdout
    assert not (bare.root / "data").exists()  # asking leaves nothing behind


def test_the_version(bare):
    assert re.fullmatch(r"xingcha \d+\.\d+\.\d+\n", bare.cli("--version").stdout)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["bogus"], "bogus"),
        (["run"], "MODEL"),
        (["list", "--bogus"], "--bogus"),
        (["list", "extra"], "extra"),
        (["key", "bogus"], "bogus"),
        (["key", "revoke"], "ID"),
        (["run", "m", "x", "--temperature", "9"], "--temperature"),
        (["run", "m", "x", "--max-tokens", "many"], "many"),
        (["serve", "--context", "5"], "--context"),
        (["serve", "--log-level", "loud"], "loud"),
        (["completion", "fish"], "fish"),
        (["show"], "NAME"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(bare, arguments, words):
    english = refused(bare, *arguments, code=2)
    assert words in english and not CHINESE.search(english)
    assert CHINESE.search(refused(bare, *arguments, "--lang", "zh", code=2))


# --- models on this machine ---


def test_list(home, bare):
    (row,) = json_of(home, "list")["models"]
    assert row["name"] == paths.MODEL and row["installed"] is True
    assert row["bytes"] == home.weights().stat().st_size and row["context"] == 8192
    assert "chat" in row["capabilities"] and row["licence"]
    assert home.cli("list", "--names").stdout == f"{paths.MODEL}\n"
    assert paths.MODEL in home.cli("list").stdout
    nothing = bare.cli("list")
    assert not nothing.stdout and "pull" in nothing.stderr
    assert json_of(bare, "list") == {"models": []}


def test_list_all(home):
    rows = {row["name"]: row for row in json_of(home, "list", "--all")["models"]}
    assert rows[paths.MODEL]["installed"] and not rows[OTHER]["installed"]
    assert rows[OTHER]["bytes"] > 10**9 and rows[OTHER]["aliases"]
    assert set(home.cli("list", "-a", "--names").stdout.split()) == set(rows)
    assert "已安装" in home.cli("list", "--all", "--lang", "zh").stdout


def test_show(home):
    shown = json_of(home, "show", paths.MODEL)
    memory = shown["memory"]
    parts = ("weights_bytes", "kv_bytes", "compute_bytes", "process_bytes")
    assert memory["need_bytes"] == sum(memory[part] for part in parts)
    assert memory["fits"] is True and memory["missing_bytes"] == 0
    assert shown["sha256"] in shown["path"] and shown["installed"] is True
    wide = json_of(home, "show", "smollm2", "--context", "2048", "--concurrency", "8")
    assert wide["name"] == paths.MODEL and wide["memory"]["cells"] == 8 * 2048
    assert wide["memory"]["kv_bytes"] == 2 * memory["kv_bytes"]
    huge = json_of(home, "show", paths.MODEL, "--context", "16000000", "--concurrency", "256")
    assert huge["memory"]["fits"] is False and huge["memory"]["missing_bytes"] > 0
    told = json_of(home, "show", paths.MODEL, "--metadata")["metadata"]
    assert told["general.architecture"] == "llama"
    for language in ("en", "zh"):
        assert paths.MODEL in home.cli("show", paths.MODEL, "--lang", language).stdout


def test_show_what_is_not_installed(bare):
    shown = json_of(bare, "show", OTHER)
    assert shown["installed"] is False and shown["bytes"] > 10**9
    assert shown["memory"]["estimate"] is True and shown["memory"]["need_bytes"] > shown["bytes"]
    assert "available" in bare.cli("show", OTHER).stdout
    assert "可下载" in bare.cli("show", OTHER, "--lang", "zh").stdout


@pytest.mark.parametrize("language, words", LANGUAGES)
@pytest.mark.parametrize("command", [["show"], ["rm", "-y"], ["pull"]], ids=lambda c: c[0])
def test_an_unknown_model(bare, command, language, words):
    said = refused(bare, *command, "no-such", "--lang", language)
    assert "no-such" in said and (words in said or "catalogue" in said)


def test_import_and_rm(home):
    blob = home.weights()
    said = home.cli("import", blob, "--name", "Mine:1b")
    assert "mine:1b" in said.stdout
    rows = {row["name"]: row for row in json_of(home, "list")["models"]}
    assert rows["mine:1b"]["bytes"] == rows[paths.MODEL]["bytes"]
    assert "taken" in refused(home, "import", blob, "--name", "mine:1b")
    assert "Removed" in home.cli("rm", "-y", paths.MODEL).stdout
    assert blob.exists()  # the other name still needs it
    home.cli("rm", "-y", "mine:1b")
    assert not blob.exists() and home.cli("list", "--names").stdout == ""


def test_import_takes_its_name_from_the_file(home):
    file = home.root / "My-Model.Q4_1.gguf"
    shutil.copy2(home.weights(), file)
    home.cli("import", file)
    assert "my-model.q4_1" in home.cli("list", "--names").stdout.split()


@pytest.mark.parametrize("keep", [0, 3, 20, 1000, 200_000, 50_000_000])
def test_a_truncated_file_is_refused_with_the_byte(home, keep):
    file = home.root / "cut.gguf"
    with open(home.weights(), "rb") as source:
        file.write_bytes(source.read(keep))
    said = refused(home, "import", file, "--name", "cut")
    byte = re.search(r"\(byte (\d+)\)", said)
    assert byte and str(file) in said, said
    assert int(byte.group(1)) <= keep
    assert "字节" in refused(home, "import", file, "--name", "cut", "--lang", "zh")
    assert "cut" not in home.cli("list", "--names").stdout.split()
    assert len(list((home.root / "models" / "blobs").iterdir())) == 1


@pytest.mark.parametrize("name", ["no/good", "..", "", "a b", "x" * 300])
def test_import_refuses_bad_names(home, name):
    said = refused(home, "import", home.weights(), f"--name={name or ' '}")
    assert "not valid" in said


def test_import_of_what_is_no_model(home):
    assert "no file" in refused(home, "import", home.root / "absent.gguf")
    assert refused(home, "import", home.root, "--name", "folder")
    text = home.root / "notes.txt"
    text.write_text("hello " * 100)
    assert "byte 0" in refused(home, "import", text, "--name", "text")


# --- configuration, doctor, completion ---


@pytest.mark.parametrize("language", ["en", "zh"])
def test_print_config_reads_back(bare, language):
    first = bare.cli(
        "serve", "--print-config", "--context", "4096", "--preload", "a,b", "--lang", language,
        XINGCHA_KEEP_ALIVE_S="7",
    ).stdout
    read = tomllib.loads(first)
    assert read["models"]["context"] == 4096 and read["models"]["keep_alive_s"] == 7
    assert read["models"]["preload"] == ["a", "b"]
    assert bool(CHINESE.search(first)) == (language == "zh")
    config = bare.root / "config.toml"
    config.write_text(first + '\n[model."m:1"]\ncontext = 2048\n')
    second = bare.cli("serve", "--print-config", "--lang", language).stdout
    config.write_text(second)
    assert bare.cli("serve", "--print-config", "--lang", language).stdout == second
    read_again = tomllib.loads(second)
    assert read_again.pop("model")["m:1"]["context"] == 2048
    assert read_again == read


def test_the_order_of_settings(bare):
    """Default < file < variable < flag."""
    (bare.root / "config.toml").write_text("[models]\ncontext = 1000\nsequences = 3\nbatch = 64\n")
    printed = bare.cli(
        "serve", "--print-config", "--context", "3000", XINGCHA_CONTEXT="2000", XINGCHA_SEQUENCES="5"
    ).stdout
    models = tomllib.loads(printed)["models"]
    assert (models["context"], models["sequences"], models["batch"]) == (3000, 5, 64)
    assert models["micro_batch"] == 512


@pytest.mark.parametrize(
    "text, line, words",
    [
        ('listen = "127.0.0.1:0"\n\nbogus = 1\n', 3, "bogus"),
        ("listen = 5\n", 1, ""),
        ("\n[models]\ncontext = 1\n", 3, "128"),
        ("[models]\ncontext = \"many\"\n", 2, ""),
        ("[model.m]\n\npreload = [\"m\"]\n", 3, "preload"),
        ("\n\nlisten = \n", 3, ""),
    ],
)
def test_a_wrong_config_names_the_line(bare, text, line, words):
    config = bare.root / "config.toml"
    config.write_text(text)
    english = refused(bare, "serve", code=2)
    assert str(config) in english and words in english
    assert re.search(rf"line {line}\b|:{line}\)", english), english
    chinese = refused(bare, "serve", "--lang", "zh", code=2)
    assert re.search(rf"第 {line} 行|:{line}\)", chinese), chinese


def test_doctor(home):
    report = json_of(home, "doctor")
    assert report["ok"] is True
    checks = {check["id"]: check for check in report["checks"]}
    for name in ("cpu", "engine", "cpu_variants", "accelerators", "memory", "disk", "home", "config",
                 "tls", "server", "proxies", f"model:{paths.MODEL}"):
        assert checks[name]["status"] in ("ok", "warning") and checks[name]["text"], name
    assert home.cli("doctor").stdout != home.cli("doctor", "--lang", "zh").stdout
    assert json_of(home, "doctor", "--verify")["ok"] is True


def test_doctor_finds_what_is_wrong(home):
    (home.root / "config.toml").write_text("bogus = 1\n")
    home.root.chmod(0o755)
    home.weights().unlink()
    report = json_of(home, "doctor", code=1)
    checks = {check["id"]: check["status"] for check in report["checks"]}
    assert report["ok"] is False
    assert checks["config"] == "problem" and checks["home"] == "warning"
    assert checks[f"model:{paths.MODEL}"] == "problem"
    assert home.cli("doctor", check=False).returncode == 1


def test_doctor_reads_the_files(home):
    spoilt = home.root / "spoilt"
    shutil.copy2(home.weights(), spoilt)
    facts = spoilt.stat()
    with open(spoilt, "r+b") as file:
        file.seek(50_000_000)
        file.write(b"\0" * 64)
    os.utime(spoilt, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    spoilt.replace(home.weights())
    assert json_of(home, "doctor")["ok"] is True  # same size and date
    report = json_of(home, "doctor", "--verify", code=1)
    assert "sha256" in next(c for c in report["checks"] if c["status"] == "problem")["text"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_scripts(bare, shell):
    script = bare.cli("completion", shell).stdout
    reader = shell if shutil.which(shell) else "bash"
    done = subprocess.run([reader, "-n"], input=script, text=True, capture_output=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


@pytest.mark.parametrize(
    "words, wanted",
    [
        ([""], {"run", "serve", "key", "completion"}),
        (["ru"], {"run"}),
        (["run", "smo"], {paths.MODEL}),
        (["show", "qwen2.5-coder-1"], {OTHER}),
        (["key", ""], {"create", "list", "rotate", "revoke"}),
        (["tenant", ""], {"create", "list"}),
        (["key", "create", "--role", "aud"], {"auditor"}),
        (["key", "create", "--s"], {"--save"}),
        (["--lang", "zh", "list", "--a"], {"--all"}),
        (["serve", "--log-level", "de"], {"debug"}),
        (["completion", ""], {"bash", "zsh"}),
    ],
    ids=" ".join,
)
def test_completion_in_bash(home, words, wanted):
    script = home.cli("completion", "bash").stdout
    line = " ".join(f"'{word}'" for word in [str(paths.PROGRAM), *words])
    script += f'\nCOMP_WORDS=({line}); COMP_CWORD={len(words)}; _xingcha\n'
    script += 'printf "%s\\n" "${COMPREPLY[@]}"\n'
    done = subprocess.run(
        ["bash"], input=script, text=True, capture_output=True,
        env=paths.clean_environment(XINGCHA_HOME=str(home.root)),
    )
    assert wanted <= set(done.stdout.split()), done.stderr
    assert words[-1] == "" or set(done.stdout.split()) == wanted


# --- without a server ---


@pytest.mark.parametrize("language, words", [("en", "Cannot reach"), ("zh", "连不上")])
@pytest.mark.parametrize("command", [["ps"], ["stop", "m"]], ids=lambda c: c[0])
def test_no_server(bare, command, language, words):
    url = f"http://127.0.0.1:{free_port()}"
    said = refused(bare, *command, "--lang", language, XINGCHA_URL=url)
    assert words in said and url in said


def test_run_starts_the_server(home):
    port = free_port()
    (home.root / "credentials.toml").write_text(f'url = "http://127.0.0.1:{port}"\n')
    done = home.cli(
        "run", paths.MODEL, "Say hi.", "--max-tokens", "4", XINGCHA_LISTEN=f"127.0.0.1:{port}"
    )
    pid = int((home.root / "data" / "lock").read_text().split()[0])
    try:
        assert done.stdout.strip() and "in the background" in done.stderr
        assert home.credentials()["key"].startswith("xc-")
        again = home.cli("run", paths.MODEL, "Say hi.", "--max-tokens", "4")
        assert again.stdout.strip() and "in the background" not in again.stderr
        said = (home.root / "data" / "serve.log").read_text().replace(str(home.root), "")
        assert "xc-" not in said  # the start of every key, and of the name of this test's folder
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not alive(pid), "the server ends")
