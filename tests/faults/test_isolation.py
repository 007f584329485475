"""One tenant sees nothing of another. The routes are read from /openapi.json, so a new one is tried too."""

import json
import re

import pytest

from harness import paths
from harness.tenants import program

PASSWORD = "correct horse battery staple"
KINDS = {"key": "key_" + "0" * 24, "user": "0" * 32}  # parameters that are ids → one that nobody has


class Tenant:
    def __init__(self, server, name):
        self.api, self.name, home = server.api, name, server.home.root
        program(home, "tenant", "create", name)
        made = program(home, "key", "create", f"{name}-admin", "--tenant", name, "--role", "tenant_admin", "--json")
        self.admin = json.loads(made.stdout)
        assert self.api.post("/admin/keys/reload", {}).status == 200
        self.key = self.ask("POST", "/admin/keys", {"name": f"{name}-robot"}).json()
        user = {"name": f"{name}-user", "role": "auditor", "password": PASSWORD}
        self.user = self.ask("POST", "/admin/users", user).json()
        assert self.ask("POST", "/admin/workspaces", {"name": f"{name}-space"}).status == 200
        said = {"model": paths.MODEL, "prompt": f"{name} says", "max_tokens": 2}
        self.reply = self.ask("POST", "/v1/completions", said)
        assert self.reply.status == 200

    def ask(self, method, path, body=None):
        return self.api.request(method, path, body, {"Accept-Language": "en"}, self.admin["key"])

    def marks(self):
        """What would tell that this tenant exists."""
        return [self.name, self.key["id"], self.key["service_id"], self.user["id"], self.admin["id"]]


@pytest.fixture(scope="module")
def tenants(server):
    return Tenant(server, "acme"), Tenant(server, "zenith")


def admin_routes(api):
    for path, methods in api.get("/openapi.json").json()["paths"].items():
        if path.startswith("/admin/"):
            yield from ((method.upper(), path) for method in methods)


def test_another_tenants_ids_are_answered_as_ids_that_nobody_has(api, tenants):
    ours, theirs = tenants
    tried = 0
    for method, path in admin_routes(api):
        kind = re.search(r"\{(\w+)\}", path)
        if not kind or kind.group(1) not in KINDS:
            continue
        foreign = getattr(theirs, kind.group(1))
        ids = [foreign["id"], *([foreign["service_id"]] if "service_id" in foreign else [])]
        body = {"password": PASSWORD, "enabled": True, "role": "developer"}
        absent = ours.ask(method, path.replace(kind.group(0), KINDS[kind.group(1)]), body)
        assert absent.status == 404, f"{method} {path}: {absent}"
        for id in ids:
            reply = ours.ask(method, path.replace(kind.group(0), id), body)
            same = reply.body.decode().replace(id, "X")
            assert (reply.status, same) == (404, absent.body.decode().replace(KINDS[kind.group(1)], "X"))
        tried += 1
    assert tried >= 5, "the routes have other parameters now"
    assert theirs.ask("GET", "/admin/whoami").status == 200, "nothing of theirs was changed"
    assert theirs.api.get("/v1/models", key=theirs.key["key"]).status == 200


def without_own_targets(reply, ours):
    """Our own calls are on record with the address we wrote, ids that other tests tried in it too."""
    told = reply.body.decode()
    for record in reply.json().get("records", []) if reply.status == 200 and "records" in told else []:
        whole = json.dumps(record, separators=(",", ":"))
        if f'"tenant":"{ours.name}"' in whole:
            told = told.replace(whole, re.sub(r'"target":"[^"]*"', "", whole))
    return told


def test_no_answer_speaks_of_another_tenant(api, tenants):
    """Every GET, plain and with the other's name in each filter."""
    ours, theirs = tenants
    for method, path in admin_routes(api):
        if method != "GET" or "{" in path:
            continue
        for query in ("", f"?tenant={theirs.name}", f"?key={theirs.key['id']}", "?group_by=tenant,key,workspace"):
            reply = ours.ask("GET", path + query)
            assert reply.status < 500, f"{path}{query}: {reply}"
            told = without_own_targets(reply, ours)
            for mark in theirs.marks():
                # An error may repeat what the caller wrote.
                assert mark not in told or (reply.status >= 400 and mark in query), f"{path}{query} tells {mark}"


def test_names_are_not_told_by_conflicts(tenants):
    """The same names in another tenant are free."""
    ours, theirs = tenants
    user = {"name": f"{theirs.name}-user", "role": "auditor", "password": PASSWORD}
    assert ours.ask("POST", "/admin/users", user).status == 200
    assert ours.ask("POST", "/admin/workspaces", {"name": f"{theirs.name}-space"}).status == 200
    for path, body in (
        ("/admin/keys", {"name": "x"}), ("/admin/workspaces", {"name": "x"}),
        ("/admin/users", {"name": "x", "role": "auditor", "password": PASSWORD}),
    ):
        into = [ours.ask("POST", path, {**body, "tenant": name}) for name in (theirs.name, "nobody")]
        texts = [reply.body.decode().replace(name, "X") for reply, name in zip(into, (theirs.name, "nobody"))]
        assert into[0].status == into[1].status == 404 and texts[0] == texts[1]


def test_the_cache_does_not_tell_what_others_asked(tenants):
    """What one tenant had computed is not "cached" to another, or a guess could be confirmed."""
    ours, theirs = tenants
    secret = {"model": paths.MODEL, "prompt": "The secret plan is to sail at dawn. " * 40, "max_tokens": 1}

    def cached(tenant):
        usage = tenant.ask("POST", "/v1/completions", secret).json()["usage"]
        return usage["prompt_tokens_details"]["cached_tokens"]

    assert cached(theirs) == 0
    assert cached(theirs) > 100, "it is kept for those who asked"
    assert cached(ours) == 0


def test_a_budget_that_others_used_up_is_not_ours(api, tenants):
    ours, theirs = tenants
    rule = {"scope": "tenant", "name": theirs.name, "limits": {"requests_per_minute": 1}}
    changed = api.request("PUT", "/admin/quotas", rule)
    assert changed.status == 200, changed
    said = {"model": paths.MODEL, "prompt": "a", "max_tokens": 1}
    statuses = [theirs.ask("POST", "/v1/completions", said).status for _ in range(3)]
    assert 429 in statuses
    assert ours.ask("POST", "/v1/completions", said).status == 200
