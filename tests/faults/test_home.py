"""Homes, addresses, keys: what a start refuses and what it leaves on disk."""

import json
import os
import signal
import sqlite3
import stat
import subprocess

import pytest

from harness import paths
from harness.home import Home
from harness.server import Server, free_port, fresh_server, wait_until


def refused(home, *arguments, **environment):
    """The end of a `serve` that must not start."""
    done = home.cli("serve", *arguments, check=False, timeout=60, **environment)
    assert done.returncode not in (0, -signal.SIGKILL), done.stdout
    return done


def test_the_first_key():
    with fresh_server(models=False) as server:
        key = server.home.credentials()["key"]
        assert server.out.read_text().count(key) == 1
        assert key not in server.err.read_text()
        path = server.home.root / "credentials.toml"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert server.home.credentials()["url"] == server.api.url
        server.stop()
        for file in server.home.root.glob("data/**/*"):
            if file.is_file():
                assert key.encode() not in file.read_bytes(), f"{file} holds the key"
        rows = sqlite3.connect(server.home.database()).execute("select count(*) from api_keys")
        assert rows.fetchone()[0] == 1
        # The second start shows no key and takes the same one.
        with Server(server.home).start() as again:
            assert key not in again.out.read_text()
            assert again.api.get("/v1/models").status == 200


def test_a_home_is_closed_to_others():
    with fresh_server(models=False) as server:
        for path in [server.home.root, *server.home.root.rglob("*")]:
            if path.name.startswith("serve."):
                continue  # ours
            mode = stat.S_IMODE(path.stat().st_mode)
            # Below a closed folder the rest may be what it likes.
            if path.parent in (server.home.root, server.home.root.parent) and path.is_dir():
                assert mode & 0o077 == 0, f"{path} has mode {mode:o}"


def test_a_key_is_revoked_at_once():
    with fresh_server(models=False) as server:
        made = json.loads(server.home.cli("key", "create", "second", "--json").stdout)
        assert server.api.get("/v1/models", key=made["key"]).status == 200
        server.home.cli("key", "revoke", made["id"])
        assert server.api.get("/v1/models", key=made["key"]).status == 401
        assert server.api.get("/v1/models").status == 200


def test_two_servers_on_one_home():
    with fresh_server(models=False) as server:
        done = refused(server.home, XINGCHA_LISTEN="127.0.0.1:0")
        assert done.returncode == 1
        assert str(server.process.pid) in done.stderr and "another server" in done.stderr
        assert server.api.get("/healthz").status == 200


def test_two_servers_on_two_homes():
    with fresh_server(models=False) as one, fresh_server(models=False) as two:
        assert one.api.key != two.api.key
        assert one.api.get("/v1/models", key=two.api.key).status == 401


def test_a_port_in_use():
    with fresh_server(models=False) as server, Home(models=False) as home:
        listen = f"127.0.0.1:{server.api.port}"
        done = refused(home, "--listen", listen)
        assert done.returncode == 1 and listen in done.stderr and "in use" in done.stderr


def test_no_open_address_without_tls():
    with Home(models=False) as home:
        for listen in ("0.0.0.0:0", "[::]:0"):
            done = refused(home, "--listen", listen)
            assert "loopback" in done.stderr and "--insecure" in done.stderr
        assert not (home.root / "credentials.toml").exists()


def test_an_open_address_that_is_wanted():
    with fresh_server("--insecure", models=False, listen=f"0.0.0.0:{free_port()}") as server:
        assert server.api.get("/healthz").status == 200
        assert "not encrypted" in server.err.read_text()


@pytest.mark.parametrize(
    "config,words",
    [
        ('listen = "nowhere"', "listen"),
        ("listen = 7", "line 1: listen must be a string"),
        ('[models]\ncontext = "many"', "models.context"),
        ("colour = 1", "colour"),
        ("[models]\ncontext = -1", "context"),
        ("[[[", "line 1"),
        ("\xff", "line 1"),
    ],
)
def test_a_config_that_is_wrong(config, words):
    with Home(models=False) as home:
        (home.root / "config.toml").write_bytes(config.encode("latin-1"))
        done = refused(home)
        assert done.returncode == 2 and words in done.stderr, done.stderr


def test_a_variable_that_is_wrong():
    with Home(models=False) as home:
        done = refused(home, XINGCHA_CONTEXT="many")
        assert done.returncode == 2 and "XINGCHA_CONTEXT" in done.stderr


def test_a_config_is_printed_and_read_back():
    with Home(models=False) as home:
        text = home.cli("serve", "--print-config", "--context", "1024").stdout
        (home.root / "config.toml").write_text(text)
        assert home.cli("serve", "--print-config").stdout == text


def test_a_database_that_is_none():
    with Home(models=False) as home:
        (home.root / "data").mkdir(mode=0o700)
        home.database().write_bytes(b"this is no database" * 100)
        assert "atabase" in refused(home).stderr


def test_a_stale_socket_folder_of_a_long_home():
    """A Unix socket's path is short; a long home still works."""
    root = paths.short_folder() / ("long" * 30)
    with Home(root=root) as home, Server(home).start() as server:
        assert server.api.chat(max_tokens=2).status == 200


def test_sighup_reads_the_keys_again():
    with fresh_server(models=False) as server:
        # No server is told: XINGCHA_URL leads nowhere.
        done = server.home.cli("key", "create", "--json", XINGCHA_URL="http://127.0.0.1:1")
        key = json.loads(done.stdout)["key"]
        assert server.api.get("/v1/models", key=key).status == 401
        server.signal(signal.SIGHUP)
        wait_until(lambda: server.api.get("/v1/models", key=key).status == 200, "the key counts")


def test_a_second_sigterm_ends_at_once():
    with fresh_server() as server:
        body = {"model": paths.MODEL, "prompt": "Once", "max_tokens": 4000, "ignore_eos": True}
        with server.api.stream("/v1/completions", body) as events:
            next(events)
            worker = server.api.worker()["pid"]
            server.signal(signal.SIGTERM)
            wait_until(lambda: "Stopping" in server.err.read_text(), "it has heard")
            server.signal(signal.SIGTERM)
            assert server.process.wait(60) != 0
        wait_until(lambda: not os.path.exists(f"/proc/{worker}"), "the worker is gone")


def test_a_server_without_a_terminal_survives_a_closed_output():
    with Home(models=False) as home:
        process = subprocess.Popen(
            [paths.PROGRAM, "serve"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=paths.clean_environment(
                XINGCHA_HOME=str(home.root), XINGCHA_LISTEN=f"127.0.0.1:{free_port()}"
            ),
        )
        wait_until(lambda: (home.root / "credentials.toml").exists(), "it has started")
        wait_until(lambda: home.cli("ps", check=False).returncode == 0, "it answers")
        process.terminate()
        assert process.wait(60) == 0
