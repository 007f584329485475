"""Keys of endpoints lie in the database sealed; without the master key that sealed them nothing is sent and nothing
is lost."""

import json
import os
import sqlite3

import pytest

from harness.home import Home
from harness.server import Server
from harness.upstream import Endpoints

SECRET = "sk-of-the-endpoint"


def doctor(home, **environment):
    done = home.cli("doctor", "--json", check=False, **environment)
    return {row["id"]: row for row in json.loads(done.stdout)["checks"]}


def put(api, path, body):
    reply = api.request("PUT", "/admin/" + path, body=body)
    assert reply.status == 200, reply
    return reply.json()


def ask(api):
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    return api.post("/v1/chat/completions", body).status


def row(api):
    return api.get("/admin/pools").json()["endpoints"][0]


def kept(home):
    with sqlite3.connect(home.database()) as database:
        return database.execute("SELECT secret FROM endpoints").fetchone()[0]


@pytest.fixture
def upstream():
    endpoints = Endpoints()
    yield endpoints
    endpoints.close()


@pytest.fixture
def home(upstream):
    """One whose server was given an endpoint with a key, and has ended."""
    with Home(models=False) as made:
        with Server(made) as server:
            put(server.api, "pools/p", {})
            put(server.api, "endpoints/far", {"pool": "p", "url": upstream.url("far"), "vendor": "vllm", "key": SECRET})
            put(server.api, "routes/m", {"targets": [{"pool": "p", "model": "x"}]})
            assert ask(server.api) == 200
            assert upstream.keys["far"] == f"Bearer {SECRET}"
        upstream.keys.clear()
        yield made


def test_it_is_nowhere_in_the_clear(home, upstream):
    for path in home.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert SECRET.encode() not in path.read_bytes(), path
    master = home.root / "data" / "master.key"
    assert master.stat().st_mode & 0o777 == 0o600
    with Server(home) as server:
        assert ask(server.api) == 200
        assert upstream.keys["far"] == f"Bearer {SECRET}"


def test_what_an_older_program_left_is_sealed_at_start(home, upstream):
    with sqlite3.connect(home.database()) as database:
        database.execute("UPDATE endpoints SET secret = ?", (SECRET,))
    with Server(home) as server:
        assert kept(home).startswith("sealed:1:")
        assert ask(server.api) == 200
        assert upstream.keys["far"] == f"Bearer {SECRET}"


def test_another_master_key(home, upstream):
    master = home.root / "data" / "master.key"
    right, sealed = master.read_text(), kept(home)
    master.write_text("0" * 64 + "\n")
    with Server(home) as server:
        assert "'far'" in server.log()
        assert row(server.api)["key_unread"] and row(server.api)["has_key"]
        assert ask(server.api) == 503
        assert "far" not in upstream.keys, "nothing was sent there"
        put(server.api, "endpoints/far", {"rank": 3})
    assert kept(home) == sealed, "another change does not lose it"
    assert doctor(home)["endpoint:far"]["status"] == "problem"
    master.write_text(right)
    assert "endpoint:far" not in doctor(home)
    with Server(home) as server:
        assert ask(server.api) == 200
        assert not row(server.api)["key_unread"]
    master.write_text("1" * 64 + "\n")
    with Server(home) as server:  # the other way out
        put(server.api, "endpoints/far", {"key": "sk-new"})
        assert ask(server.api) == 200
        assert upstream.keys["far"] == "Bearer sk-new"


def test_a_key_opens_at_its_own_address_only(home, upstream):
    """Who can write the database but has no master key cannot have it sent elsewhere."""
    with sqlite3.connect(home.database()) as database:
        database.execute("UPDATE endpoints SET url = ?", (upstream.url("evil"),))
    with Server(home) as server:
        assert row(server.api)["key_unread"]
        assert ask(server.api) == 503
        assert upstream.keys == {}


def test_what_doctor_says(home):
    master = home.root / "data" / "master.key"
    assert doctor(home)["master-key"]["status"] == "ok"
    os.chmod(master, 0o644)
    assert doctor(home)["master-key"]["status"] == "warning"
    os.chmod(master, 0o600)
    text = master.read_text()
    master.unlink()
    assert doctor(home)["master-key"]["status"] == "problem", "what it sealed is lost without it"
    assert not master.exists(), "looking makes nothing"
    elsewhere = home.root / "elsewhere.key"
    elsewhere.write_text(text)
    os.chmod(elsewhere, 0o600)
    checks = doctor(home, XINGCHA_MASTER_KEY=str(elsewhere))
    assert checks["master-key"]["status"] == "ok" and "endpoint:far" not in checks
    master.write_text("not a key\n")
    assert doctor(home)["master-key"]["status"] == "problem"
    server = Server(home)
    server.launch()
    assert server.process.wait(30) != 0
    assert "master.key" in server.log()


def test_gateways_that_share_the_file_share_the_keys(home, upstream):
    """A second home on a copy of the database, as a second gateway on PostgreSQL has it."""
    with Home(models=False) as other:
        (other.root / "data").mkdir(mode=0o700)
        other.database().write_bytes(home.database().read_bytes())
        (other.root / "credentials.toml").write_text((home.root / "credentials.toml").read_text())
        with Server(other, XINGCHA_MASTER_KEY=str(home.root / "data" / "master.key")) as server:
            assert not row(server.api)["key_unread"]
            assert ask(server.api) == 200
            assert upstream.keys["far"] == f"Bearer {SECRET}"
        assert not (other.root / "data" / "master.key").exists()
