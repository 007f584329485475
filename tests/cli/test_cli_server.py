"""The commands that speak to a running server: run, chat at a terminal, ps, stop, key, bench, rm."""

import json
import re
import signal
import subprocess

import pytest

from cli.terminal import Terminal
from harness import paths
from harness.server import fresh_server, wait_until
from harness.totp import code_of

ENDLESS = "Repeat the word ship for ever."


@pytest.fixture(scope="module")
def server():
    with fresh_server(XINGCHA_THREADS="1", XINGCHA_SPECULATION="off") as running:  # the cores are shared with other tests
        yield running


@pytest.fixture
def home(server):
    return server.home


def greedy(*words):
    return ("run", paths.MODEL, *words, "--temperature", "0", "--max-tokens", "8")


def said_by_api(api, text):
    reply = api.chat(text, temperature=0, max_tokens=8)
    return reply.json()["choices"][0]["message"]["content"]


# --- run ---


def test_run_prints_the_answer_and_nothing_else(home, api):
    api.chat("Say hi.", max_tokens=1)
    done = home.cli(*greedy("Say", "hi."))
    assert done.stdout == said_by_api(api, "Say hi.") + "\n"


def test_run_takes_piped_text(home, api):
    done = home.cli(*greedy("Name the colour."), stdin="The sky is blue.\n")
    assert done.stdout == said_by_api(api, "Name the colour.\n\nThe sky is blue.") + "\n"
    only_piped = home.cli(*greedy(), stdin="Say hi.\n")
    assert only_piped.stdout == said_by_api(api, "Say hi.") + "\n"


def test_run_json(home):
    out = json.loads(home.cli(*greedy("Say hi."), "--json").stdout)
    assert out["model"] == paths.MODEL and out["content"] and out["finish_reason"] in ("stop", "length")
    assert out["usage"]["prompt_tokens"] > 0 and out["usage"]["completion_tokens"] <= 8
    assert out["stopped"] is False


def test_run_options_reach_the_server(home):
    plain = json.loads(home.cli(*greedy("Who are you?"), "--json").stdout)
    system = json.loads(home.cli(*greedy("Who are you?"), "--json", "--system", "You are a ship.").stdout)
    assert system["usage"]["prompt_tokens"] != plain["usage"]["prompt_tokens"]
    seeded = [home.cli("run", "smollm2", "Tell.", "--temperature", "1.5", "--seed", "7", "--max-tokens", "8")
              for _ in range(2)]
    assert seeded[0].stdout == seeded[1].stdout


def test_run_without_a_prompt(home):
    done = home.cli("run", paths.MODEL, check=False)
    assert done.returncode in (1, 2) and not done.stdout and "prompt" in done.stderr


@pytest.mark.parametrize("language, words", [("en", "There is no model"), ("zh", "没有模型")])
@pytest.mark.parametrize("model", ["no-such", "qwen2.5-coder-1.5b-instruct"])
def test_run_of_a_model_that_is_not_here(home, model, language, words):
    """Nobody is at the terminal, so nothing is fetched without a question."""
    for done in (
        home.cli("run", model, "hi", "--lang", language, check=False),
        home.cli("run", model, "hi", XINGCHA_LANG=language, check=False),
    ):
        assert done.returncode == 1 and not done.stdout
        assert words in done.stderr and model in done.stderr
    assert home.cli("list", "--names").stdout == f"{paths.MODEL}\n"


def test_an_interrupted_answer_exits_with_130(home):
    process = subprocess.Popen(
        [paths.PROGRAM, "run", paths.MODEL, ENDLESS, "--temperature", "0"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=paths.clean_environment(XINGCHA_HOME=str(home.root)),
    )
    try:
        assert process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=paths.PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130 and "(stopped)" in errors.decode()


def test_a_wrong_key(home):
    done = home.cli("run", paths.MODEL, "hi", check=False, XINGCHA_KEY="xc-wrong")
    assert done.returncode == 1 and "not valid" in done.stderr and not done.stdout


# --- a chat at a terminal ---


def test_ctrl_c_stops_the_answer_and_not_the_program(home, api):
    with Terminal(home, "run", paths.MODEL) as terminal:
        terminal.wait_for("Chatting with")
        terminal.wait_for_prompt()
        terminal.enter("/set temperature 0")
        terminal.wait_for("temperature = 0")
        terminal.wait_for_prompt()
        terminal.enter(ENDLESS)
        terminal.wait_for(ENDLESS)
        wait_until(lambda: (terminal.pump(), len(terminal.left().strip()) > 3)[1], "the answer begins")
        terminal.press_ctrl_c()
        terminal.wait_for("(stopped)")
        terminal.wait_for_prompt()
        wait_until(lambda: api.worker()["in_flight"] == 0, "decoding stops")
        terminal.enter("/set max_tokens 4")
        terminal.wait_for("max_tokens = 4")
        terminal.wait_for_prompt()
        terminal.enter("Say hi.")
        terminal.wait_for("(length limit reached)")
        terminal.wait_for_prompt()
        terminal.enter("/bye")
        assert terminal.end() == 0


def test_ctrl_c_twice_at_the_prompt_quits(home):
    with Terminal(home, "run", paths.MODEL) as terminal:
        terminal.wait_for_prompt()
        terminal.type("half a line")
        terminal.press_ctrl_c()
        terminal.wait_for("Press Ctrl-C again to quit")
        terminal.wait_for_prompt()
        terminal.press_ctrl_c()
        assert terminal.end() == 0


def test_ctrl_d_quits(home):
    with Terminal(home, "run", paths.MODEL) as terminal:
        terminal.wait_for_prompt()
        terminal.type("\x04")
        assert terminal.end() == 0


def test_what_is_typed_during_an_answer_waits(home):
    """Lines come next; a Ctrl-D of then must not change what the next key means."""
    with Terminal(home, "run", paths.MODEL) as terminal:
        terminal.wait_for_prompt()
        terminal.enter("/set max_tokens 24")
        terminal.wait_for_prompt()
        terminal.enter("Say hi.")
        terminal.wait_for("Say hi.")
        terminal.enter("/set seed 7")
        terminal.wait_for("seed = 7")
        terminal.wait_for_prompt()
        terminal.type("\0")
        terminal.type("\x04")
        assert terminal.end() == 0


def test_commands_of_the_chat(home):
    with Terminal(home, "run", paths.MODEL, XINGCHA_LANG="zh") as terminal:
        terminal.wait_for("人工智能生成")
        for line, words in [
            ("/help", "/save FILE"),
            ("/bogus", "没有命令 /bogus"),
            ("/set", "需要一个参数"),
            ("/set temperature 99", "无效"),
            ("/set max_tokens 3", "max_tokens = 3"),
            ("/system You are a ship.", "系统提示词已设置"),
            ("/model no-such", "没有模型"),
            ("/model smollm2", "smollm2 对话"),
        ]:
            terminal.wait_for_prompt()
            terminal.enter(line)
            terminal.wait_for(words)
        terminal.wait_for_prompt()
        terminal.enter('"""')
        terminal.wait_for_prompt("... ")
        terminal.enter("two")
        terminal.wait_for_prompt("... ")
        terminal.enter('lines"""')
        terminal.wait_for("到达长度上限")
        saved = home.root / "chat.md"
        terminal.wait_for_prompt()
        terminal.enter(f"/save {saved}")
        terminal.wait_for("已存到")
        terminal.wait_for_prompt()
        terminal.enter("/clear")
        terminal.wait_for("对话已清空")
        terminal.wait_for_prompt()
        terminal.enter("/bye")
        assert terminal.end() == 0
    text = saved.read_text()
    assert "You are a ship." in text and "two\nlines" in text and "人工智能生成" in text


# --- ps, stop, bench, rm ---


def test_usage(home, api):
    assert api.chat("Say hi.", max_tokens=1).status == 200

    def added_up():
        rows = json.loads(home.cli("usage", "--by", "model,ended", "--json").stdout)["usage"]
        return next((row for row in rows if row["ended"] == "done"), None)

    row = wait_until(added_up, "the usage table has it")
    assert row["model"] == paths.MODEL and row["requests"] >= 1 and row["prompt_tokens"] > 0
    table = home.cli("usage").stdout
    assert paths.MODEL in table and "CNY" in table
    assert "费用" in home.cli("usage", "--lang", "zh", "--tenant", "nobody").stdout
    assert home.cli("usage", "--by", "colour", check=False).returncode == 1
    assert home.cli("usage", "--from", "then", check=False).returncode == 1


def test_ps_and_stop(home, api):
    api.chat("Say hi.", max_tokens=1)
    (row,) = json.loads(home.cli("ps", "--json").stdout)["models"]
    assert row["name"] == paths.MODEL and row["state"] == "ready" and row["pid"] > 0
    assert row["resident_bytes"] > 10_000_000 and row["context"] == 8192 and row["in_flight"] == 0
    assert row["expires_unix_ms"] > row["started_unix_ms"] > 0
    assert paths.MODEL in home.cli("ps").stdout
    assert "Stopped" in home.cli("stop", paths.MODEL).stdout
    assert json.loads(home.cli("ps", "--json").stdout) == {"models": []}
    assert "没有模型在运行" in home.cli("ps", "--lang", "zh").stderr
    assert home.cli("stop", "no-such", check=False).returncode == 1


def test_bench(home):
    settings = ["--repeats", "1", "--streams", "2", "--prompt-tokens", "16", "--tokens", "4"]
    out = json.loads(home.cli("bench", paths.MODEL, "--json", *settings).stdout)
    assert out["model"] == paths.MODEL and out["streams"] == 2 and out["tokens"] == 4
    for name in ("ttft_ms", "prefill_tok_s", "decode_one_tok_s", "decode_many_tok_s"):
        assert 0 < out[name]["min"] <= out[name]["median"] <= out[name]["max"]
    assert "首字时间" in home.cli("bench", paths.MODEL, *settings, "--lang", "zh").stdout
    assert home.cli("bench", "no-such", check=False).returncode == 1


def test_rm_beside_a_server():
    """One that answers stays; one that is removed is gone for the server at once."""
    with fresh_server() as server:
        body = {"model": paths.MODEL, "messages": [{"role": "user", "content": ENDLESS}]}
        with server.api.stream("/v1/chat/completions", {**body, "temperature": 0}) as events:
            next(iter(events))
            done = server.home.cli("rm", "-y", paths.MODEL, check=False)
            assert done.returncode == 1 and "in use" in done.stderr
        wait_until(lambda: server.api.worker()["in_flight"] == 0, "decoding stops")
        server.home.cli("rm", "-y", paths.MODEL)
        assert server.api.get("/v1/models").json()["data"] == []
        assert server.api.chat().status == 404


# --- keys ---


def status_with(api, key):
    return api.get("/v1/models", key=key).status


def test_a_key_lives_from_create_to_revoke(home, api):
    created = json.loads(home.cli("key", "create", "for tests", "--json").stdout)
    assert status_with(api, created["key"]) == 200
    listed = home.cli("key", "list", "--json").stdout
    rows = {row["id"]: row for row in json.loads(listed)["keys"]}
    assert rows[created["id"]]["name"] == "for tests" and rows[created["id"]]["revoked_unix_ms"] is None
    assert created["key"] not in listed and created["key"].startswith(rows[created["id"]]["prefix"])
    assert created["id"] in home.cli("key", "revoke", created["id"]).stdout
    assert status_with(api, created["key"]) == 401
    rows = {row["id"]: row for row in json.loads(home.cli("key", "list", "--json").stdout)["keys"]}
    assert rows[created["id"]]["revoked_unix_ms"] > rows[created["id"]]["created_unix_ms"] - 1
    assert status_with(api, api.key) == 200
    unknown = home.cli("key", "revoke", "key_no_such", check=False)
    assert unknown.returncode == 1 and "key_no_such" in unknown.stderr


def test_a_restricted_key_of_a_tenant(home, api):
    tenant = json.loads(home.cli("tenant", "create", "acme", "--json").stdout)
    assert len(tenant["id"]) == 32
    home.cli("tenant", "add-workspace", "acme", "search")
    made = json.loads(home.cli(
        "key", "create", "robot", "--tenant", "acme", "--workspace", "search", "--models", f"nothing,{paths.MODEL}",
        "--from", "127.0.0.0/8,unix", "--expires", "30d", "--json",
    ).stdout)
    assert (made["tenant"], made["workspace"], made["role"]) == ("acme", "search", "none")
    assert made["scopes"]["sources"] == ["127.0.0.0/8", "unix"]
    # The command looks at the clock before the row is made.
    assert 0 <= made["created_unix_ms"] + 30 * 86_400_000 - made["expires_unix_ms"] < 1_000
    assert status_with(api, made["key"]) == 200
    assert api.get("/admin/keys", key=made["key"]).status == 403
    elsewhere = json.loads(home.cli("key", "create", "far", "--from", "10.0.0.0/8", "--json").stdout)
    assert status_with(api, elsewhere["key"]) == 403

    turned = json.loads(home.cli("key", "rotate", made["service_id"], "--overlap", "1h", "--json").stdout)
    assert turned["id"] == made["id"] and turned["key"] != made["key"]
    assert status_with(api, made["key"]) == status_with(api, turned["key"]) == 200
    kept = json.loads(home.cli("tenant", "audit-content", "acme", "full", "--json").stdout)
    assert (kept["name"], kept["audit_content"]) == ("acme", "full")
    rows = json.loads(home.cli("tenant", "list", "--json").stdout)["tenants"]
    assert {row["name"]: row["audit_content"] for row in rows} == {"default": "none", "acme": "full"}
    assert "acme" in home.cli("tenant", "audit-content", "acme", "none").stdout
    assert home.cli("tenant", "audit-content", "acme", "some", check=False).returncode == 2
    nobody = home.cli("tenant", "audit-content", "nobody", "full", check=False)
    assert nobody.returncode == 1 and "nobody" in nobody.stderr
    home.cli("tenant", "suspend", "acme")
    assert status_with(api, turned["key"]) == 401
    home.cli("tenant", "resume", "acme")
    assert status_with(api, turned["key"]) == 200
    for words in [("--from", "10.0.0.1/8"), ("--expires", "soon"), ("--workspace", "nowhere")]:
        done = home.cli("key", "create", *words, check=False)
        assert done.returncode in (1, 2) and done.stderr.strip() and not done.stdout


def test_a_user_logs_in(home, api):
    made = json.loads(home.cli("user", "create", "李伟", "--role", "auditor", "--json").stdout)
    login = {"name": "李伟", "password": made["password"]}
    reply = api.post("/admin/login", login, key=None)
    assert reply.status == 200, reply
    token = reply.json()["token"]
    assert api.get("/admin/whoami", key=token).json()["role"] == "auditor"
    assert made["password"] not in home.cli("user", "list", "--json").stdout
    assert "李伟" in home.cli("user", "list").stdout
    changed = home.cli("user", "password", "李伟", "--password-stdin", stdin="a password of my own\n")
    assert "a password" not in changed.stdout
    assert api.get("/admin/whoami", key=token).status == 401
    assert api.post("/admin/login", {**login, "password": "a password of my own"}, key=None).status == 200
    shown = home.cli("user", "totp", "李伟").stdout
    secret = re.search(r"otpauth://totp/\S+secret=(\w+)", shown).group(1)
    own = {**login, "password": "a password of my own"}
    assert api.post("/admin/login", own, key=None).status == 200, "in force after its first code"
    assert api.post("/admin/login", {**own, "code": code_of(secret)}, key=None).status == 200
    assert api.post("/admin/login", own, key=None).status == 401
    home.cli("user", "disable", "李伟")
    assert home.cli("user", "disable", "nobody", check=False).returncode == 1
    home.cli("user", "totp", "李伟", "--off")
    assert api.post("/admin/login", own, key=None).status == 401
    home.cli("user", "enable", "李伟")
    assert api.post("/admin/login", own, key=None).status == 200


def test_a_revocation_is_noticed_without_being_told(home, api):
    made = json.loads(home.cli("key", "create", "silent", "--json").stdout)
    assert status_with(api, made["key"]) == 200
    # A server that cannot be reached by this address is not told.
    home.cli("key", "revoke", made["id"], XINGCHA_URL="http://127.0.0.1:1")
    wait_until(lambda: status_with(api, made["key"]) == 401, "the server notices")


def test_a_key_is_shown_once_in_words(home, api):
    words = home.cli("key", "create", "--lang", "zh").stdout
    assert "只显示这一次" in words
    assert status_with(api, words.split("：")[1].strip()) == 200


def test_keys_of_this_machine():
    """--save replaces what the commands use; the key that tells the server may be the one that goes."""
    with fresh_server(models=False) as server:
        home, api = server.home, server.api
        first = json.loads(home.cli("key", "list", "--json").stdout)["keys"][0]["id"]
        home.cli("key", "create", "mine", "--save")
        saved = home.credentials()["key"]
        assert saved != api.key and status_with(api, saved) == 200
        assert (home.root / "credentials.toml").stat().st_mode & 0o777 == 0o600
        home.cli("key", "revoke", first)
        assert status_with(api, api.key) == 401 and status_with(api, saved) == 200
        second = json.loads(home.cli("key", "list", "--json").stdout)["keys"][-1]["id"]
        home.cli("key", "revoke", second)
        assert status_with(api, saved) == 401
        assert "not valid" in home.cli("ps", check=False).stderr


def test_keys_work_without_a_server_too():
    with fresh_server(models=False) as server:
        home = server.home
        assert server.stop() == 0
        made = json.loads(home.cli("key", "create", "offline", "--json").stdout)
        server.launch()
        url = wait_until(server._url, "the server says where it is")
        server.api.__init__(url, made["key"])
        wait_until(server._ready, "the server is ready")
        assert status_with(server.api, made["key"]) == 200
