"""SIGHUP and POST /admin/config/reload: what is in force at once, what waits, and that nothing ends."""

import signal

from harness.home import Home
from harness.server import Server, wait_until


def settings(server):
    return {row["name"]: row for row in server.api.get("/admin/config").json()["settings"]}


def test_reload_says_what_is_in_force_and_what_waits():
    with Home(models=False) as home, Server(home) as server:
        file = home.root / "config.toml"
        file.write_text('io_threads = 7\n[log]\nlevel = "debug"\n[models]\ncontext = 1024\n')
        report = server.api.post("/admin/config/reload", {}).json()
        assert report == {"applied": ["log.level", "models.context"], "needs_restart": ["io_threads"]}
        shown = server.api.get("/admin/config").json()
        assert shown["needs_restart"] == ["io_threads"]
        assert settings(server)["models.context"]["value"] == "1024"
        assert settings(server)["io_threads"]["value"] == "0", "not in force"
        assert "io_threads changed and waits for a restart" in server.err.read_text()
        file.write_text("[log]\nlevel = 7\n")
        refused = server.api.post("/admin/config/reload", {})
        assert refused.status == 400 and "config.toml" in refused.json()["error"]["message"]
        assert settings(server)["log.level"]["value"] == '"debug"', "everything stays as it was"
        file.write_text('[log]\nlevel = "warn"\n')
        server.signal(signal.SIGHUP)
        wait_until(lambda: settings(server)["log.level"]["value"] == '"warn"', "SIGHUP reads it too")


def test_variables_still_win_over_the_file():
    with Home(models=False) as home, Server(home, XINGCHA_LOG_LEVEL="info") as server:
        (home.root / "config.toml").write_text('[log]\nlevel = "error"\n')
        assert server.api.post("/admin/config/reload", {}).json()["applied"] == []


def test_an_auditor_sees_settings_and_changes_none():
    with Home(models=False) as home, Server(home) as server:
        key = server.api.post("/admin/keys", {"name": "a", "role": "auditor"}).json()["key"]
        assert server.api.get("/admin/config", key=key).status == 200
        assert server.api.post("/admin/config/reload", {}, key=key).status == 403
