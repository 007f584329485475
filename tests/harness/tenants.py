"""Keys of tenants."""

import json
import subprocess

from harness import paths


def program(home, *words, check=True):
    return subprocess.run(
        [str(paths.PROGRAM), *words], capture_output=True, text=True, check=check,
        env=paths.clean_environment(XINGCHA_HOME=str(home)),
    )


def key_of_tenant(home, api, tenant):
    """A new key of this tenant, which is made when it is not there; known to the running server."""
    known = {row["name"] for row in json.loads(program(home, "tenant", "list", "--json").stdout)["tenants"]}
    if tenant not in known:
        program(home, "tenant", "create", tenant)
    made = json.loads(program(home, "key", "create", tenant, "--tenant", tenant, "--json").stdout)
    reply = api.post("/admin/keys/reload", {})
    assert reply.status == 200, reply
    return made["key"]
