"""Keys of tenants."""

import contextlib
import json
import pathlib
import sqlite3
import subprocess

from harness import paths


def key_of_tenant(home, api, tenant):
    """A new key of this tenant, known to the running server. The command line makes keys of the tenant "default"
    only, so the row is changed behind its back."""
    done = subprocess.run(
        [str(paths.PROGRAM), "key", "create", tenant, "--json"], capture_output=True, text=True, check=True,
        env=paths.clean_environment(XINGCHA_HOME=str(home)),
    )
    made = json.loads(done.stdout)
    with contextlib.closing(sqlite3.connect(pathlib.Path(home) / "data" / "xingcha.db", timeout=30)) as database:
        with database:
            changed = database.execute("UPDATE api_keys SET tenant = ? WHERE id = ?", (tenant, made["id"]))
            assert changed.rowcount == 1
    reply = api.post("/admin/keys/reload", {})
    assert reply.status == 200, reply
    return made["key"]
