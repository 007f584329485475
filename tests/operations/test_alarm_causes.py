"""Alarms by their real causes, as a webhook and a syslog server hear of them: once when they begin, again by a server
that was started anew, once when they end."""

import contextlib
import time

from harness.ears import active, ears, looked_at_again
from harness.home import Home
from harness.server import Server, free_port, wait_until
from harness.upstream import Endpoints


def put(api, path, body):
    reply = api.request("PUT", "/admin/" + path, body=body)
    assert reply.status == 200, reply


def make_pool(api, url, vendor):
    put(api, "pools/p", {})
    put(api, "endpoints/far", {"pool": "p", "url": url, "vendor": vendor})
    put(api, "routes/m", {"targets": [{"pool": "p", "model": "x"}]})


def doctor(home):
    return home.cli("doctor", check=False).stdout


def test_an_endpoint_that_dies_and_comes_back():
    """Another gateway as the endpoint, killed; its watcher is started anew meanwhile."""
    with ears("tcp") as told, Home(models=False) as home, Home(models=False) as far_home, contextlib.ExitStack() as stack:
        far = Server(far_home, listen=f"127.0.0.1:{free_port()}", XINGCHA_ALARMS_DISK_FREE_MIB="0")
        stack.callback(far.kill)
        far.start()
        with Server(home, **told.settings) as server:
            make_pool(server.api, far.api.url, "xingcha")
            assert not active(server.api)
            far.kill()
            told.wait_for("endpoint_down", "raised")
            told.wait_for("model_unserved", "raised")
            looked_at_again(server.api, "endpoint_down")
            assert told.events("endpoint_down") == told.events("model_unserved") == ["raised"], "told once"
            assert "XC-A11" in doctor(home)
        with Server(home, **told.settings) as server:
            told.wait_for("endpoint_down", "raised", "raised")
            told.wait_for("model_unserved", "raised", "raised")
            far.start()
            told.wait_for("endpoint_down", "raised", "raised", "cleared")
            told.wait_for("model_unserved", "raised", "raised", "cleared")
            assert not active(server.api)
        for alarm in ("endpoint_down", "model_unserved"):
            first, second, cleared = [id for _, id in told.heard(alarm)]
            assert first != second == cleared
        told.check("endpoint_down", "major", "XC-A10", "p/far")
        told.check("model_unserved", "critical", "XC-A11", "m")


def test_a_budget_that_is_nearly_used():
    with ears("udp") as told, Home(models=False) as home, contextlib.closing(Endpoints()) as upstream:
        def budget(api, tokens):
            limits = {"scope": "tenant", "name": "default", "alert_percent": 50, "limits": {"tokens_per_month": tokens}}
            put(api, "quotas", limits)

        with Server(home, **told.settings) as server:
            make_pool(server.api, upstream.url("far"), "vllm")
            budget(server.api, 100)
            body = {"model": "m", "messages": [{"role": "user", "content": "?"}], "max_tokens": 4}
            for _ in range(8):  # 7 tokens each
                assert server.api.post("/v1/chat/completions", body).status == 200
            told.wait_for("quota_soft_limit", "raised")
            looked_at_again(server.api, "quota_soft_limit")
            assert told.events("quota_soft_limit") == ["raised"]
        with Server(home, **told.settings) as server:
            told.wait_for("quota_soft_limit", "raised", "raised")
            budget(server.api, 1000)
            told.wait_for("quota_soft_limit", "raised", "raised", "cleared")
        told.check("quota_soft_limit", "minor", "XC-A04", "tenant default: tokens_per_month")


def test_an_account_that_is_guessed_at():
    password = "correct horse battery staple"
    with ears("udp") as told, Home(models=False) as home:
        with Server(home, **told.settings) as server:
            made = server.api.post("/admin/users", {"name": "li", "role": "auditor", "password": password}).json()
            for _ in range(5):
                wrong = {"name": "li", "password": "guessed"}
                assert server.api.post("/admin/login", wrong, key=None).status == 401
            told.wait_for("login_failures", "raised")
            assert "default/li" in active(server.api)["login_failures"]["detail"]
        with Server(home, **told.settings) as server:
            told.wait_for("login_failures", "raised", "raised")
            unlocked = server.api.post(f"/admin/users/{made['id']}/password", {"password": password})
            assert unlocked.status == 200
            told.wait_for("login_failures", "raised", "raised", "cleared")
        told.check("login_failures", "warning", "XC-A13", "accounts")


def test_a_configuration_that_is_mended():
    with ears("tcp") as told, Home(models=False) as home, Server(home, **told.settings) as server:
        config = home.root / "config.toml"
        config.write_text('"] = 1\n')
        for _ in range(2):
            assert server.api.post("/admin/config/reload", {}).status == 400
        told.wait_for("config_invalid", "raised")
        time.sleep(1)
        assert told.events("config_invalid") == ["raised"]
        config.write_text("")
        assert server.api.post("/admin/config/reload", {}).status == 200
        told.wait_for("config_invalid", "raised", "cleared")
        told.check("config_invalid", "warning", "XC-A09", str(config))
