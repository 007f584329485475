"""Backup and restore as docs/operating/database.md says it, on both databases, beside a server that goes on."""

import os
import shutil
import sqlite3
import subprocess

import pytest

from harness.audit import verify
from harness.home import Home
from harness.postgres import Postgres
from harness.server import Server, wait_until

PROMPT = {"prompt": "The sea", "max_tokens": 2}


def used(api):
    rows = api.get("/admin/usage").json()["usage"]
    return rows[0]["requests"], rows[0]["prompt_tokens"] + rows[0]["completion_tokens"]


def ask(api, model, times):
    for _ in range(times):
        assert api.post("/v1/completions", {"model": model, **PROMPT}).status == 200


def tool(*words, folder):
    subprocess.run(words, check=True, capture_output=True, timeout=60, cwd="/", env={**os.environ, "PGHOST": str(folder)})


class Sqlite:
    def environment(self, name):
        return {}

    def back_up(self, home, target):
        source = sqlite3.connect(home.database())
        with sqlite3.connect(target) as copy:
            source.backup(copy)  # as `sqlite3 … ".backup …"` does
        source.close()

    def restore(self, home, source):
        shutil.copy2(source, home.database())


class OnPostgres:
    def __init__(self):
        self.server = Postgres()

    def environment(self, name):
        return {"XINGCHA_DATABASE": self.server.make_database(name)}

    def back_up(self, home, target):
        tool("pg_dump", "-Fc", "-U", "xingcha", "-d", "before", "-f", str(target), folder=self.server.folder)

    def restore(self, home, source):
        tool(
            "pg_restore", "--clean", "--if-exists", "-U", "xingcha", "-d", "after", str(source),
            folder=self.server.folder,
        )


@pytest.mark.parametrize("kind", [Sqlite, OnPostgres])
def test_what_was_backed_up_is_there_again(kind, model):
    database = kind()
    with Home() as old, Home() as new:
        dump = new.root / "dump"
        with Server(old, **database.environment("before")) as server:
            api = server.api
            limits = {"scope": "tenant", "name": "default", "limits": {"tokens_per_month": 1_000_000}}
            assert api.request("PUT", "/admin/quotas", limits).status == 200
            ask(api, model, 3)
            wait_until(lambda: used(api)[0] == 3, "usage is rolled up")
            database.back_up(old, dump)
            ask(api, model, 2)  # the log has them, the backup of the database does not
            wait_until(lambda: used(api)[0] == 5, "usage is rolled up")
            whole = used(api)
            shutil.copytree(old.root / "data" / "audit", new.root / "data" / "audit")
            shutil.copy2(old.root / "credentials.toml", new.root)
        environment = database.environment("after")
        database.restore(new, dump)
        assert verify(new)["good"]
        with Server(new, **environment) as server:
            api = server.api  # by the key of the backup
            assert used(api) == whole
            quota = api.get("/admin/quotas").json()["quotas"][0]
            assert quota["settled"] == whole[1] and quota["remaining"] == 1_000_000 - whole[1]
            ask(api, model, 1)
            wait_until(lambda: used(api)[0] == 6, "it goes on")
        assert verify(new)["good"]
