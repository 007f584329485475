"""Thirteen pools as one operator runs them (thirteen_pools.json): the same verbs on each, canaries over them, and
classes of requests that fail closed."""

import concurrent.futures
import contextlib
import json
import pathlib
import threading

import pytest

from harness.server import wait_until
from harness.upstream import Endpoints

DATA = json.loads((pathlib.Path(__file__).parent / "thirteen_pools.json").read_text())
POOLS = DATA["pools"]
RANK = {name: rank for rank, name in enumerate(DATA["classes"])}
LABELS = ("region", "hardware", "secrecy", "policy")


def change(api, path, body, method="PUT"):
    reply = api.request(method, "/admin/" + path, body=body)
    assert reply.status == 200, reply
    return reply.json()


def row(api, name):
    rows = api.get("/admin/pools").json()["endpoints"]
    return next((row for row in rows if row["name"] == name), None)


def register(api, upstream, pool, prefix=""):
    """The pool with its labels, and two endpoints."""
    change(api, f"pools/{prefix}{pool['name']}", {label: pool[label] for label in LABELS})
    names = [f"{prefix}{pool['name']}-{i}" for i in (1, 2)]
    for rank, name in enumerate(names):
        row = {"pool": prefix + pool["name"], "url": upstream.url(name), "vendor": pool["vendor"], "rank": rank,
               "price": pool["price"] + rank, "key": f"sk-{name}"}
        change(api, f"endpoints/{name}", row)
    return names


def remove(api, pool, endpoints, models):
    for model in models:
        change(api, f"routes/{model}", {"targets": []})
    for name in endpoints:
        change(api, f"endpoints/{name}/remove", {}, "POST")
    change(api, f"pools/{pool}/remove", {}, "POST")


def ask(api, model, **headers):
    """The endpoint that answered, or the status."""
    body = {"model": model, "messages": [{"role": "user", "content": "who are you"}]}
    reply = api.post("/v1/chat/completions", body, headers=headers)
    if reply.status != 200:
        return reply.status
    return reply.json()["choices"][0]["message"]["content"].removesuffix(" here")


@pytest.fixture(scope="module")
def upstream():
    endpoints = Endpoints()
    yield endpoints
    endpoints.close()


@pytest.fixture(scope="module")
def everywhere(server, upstream):
    """All thirteen, and a model that each of them serves."""
    names = {pool["name"]: register(server.api, upstream, pool) for pool in POOLS}
    change(server.api, "routes/everywhere", {"targets": [{"pool": name, "model": "m"} for name in names]})
    yield names
    change(server.api, "routes/everywhere", {"targets": []})
    for pool, endpoints in names.items():
        remove(server.api, pool, endpoints, [])
    assert server.api.get("/admin/pools").json()["pools"] == []


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool["name"])
def test_the_same_verbs_on_each(server, upstream, pool):
    api, name = server.api, "v-" + pool["name"]
    secret = {"X-Xingcha-Secrecy": pool["secrecy"]}

    first, second = register(api, upstream, pool, "v-")
    model = f"model-{name}"
    targets = [{"pool": name, "model": "old", "weight": 1}, {"pool": name, "model": f"new-{name}", "weight": 0}]
    change(api, f"routes/{model}", {"targets": targets})
    listed = api.get("/admin/pools").json()
    assert {**pool, "name": name}.items() >= next(p for p in listed["pools"] if p["name"] == name).items()
    assert f"sk-{first}" not in json.dumps(listed) and row(api, first)["has_key"]
    assert ask(api, model, **secret) in (first, second)

    # Drain: nothing new, and what runs ends whole.
    change(api, f"endpoints/{second}", {"state": "paused"})
    assert ask(api, model, **secret) == first, "it is past its warm-up"
    upstream.gates[first] = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        running = threads.submit(ask, api, model, **secret)
        wait_until(lambda: row(api, first)["running"] == 1, "it runs")
        change(api, f"endpoints/{first}", {"state": "draining"})
        change(api, f"endpoints/{second}", {"state": "active"})
        assert {ask(api, model, **secret) for _ in range(3)} == {second}
        upstream.gates.pop(first).set()
        assert running.result() == first
    wait_until(lambda: row(api, first)["running"] == 0, "it is drained")
    assert upstream.keys[second] == f"Bearer sk-{second}"

    # Pause and resume.
    change(api, f"endpoints/{second}", {"state": "paused"})
    assert ask(api, model, **secret) == 503, "nobody is left"
    change(api, f"endpoints/{first}", {"state": "active"})
    assert {ask(api, model, **secret) for _ in range(3)} == {first}

    # Weight: all of it goes to the other target.
    before = upstream.models[f"new-{name}"]
    for target in targets:
        target["weight"] = 1 - target["weight"]
    change(api, f"routes/{model}", {"targets": targets})
    for _ in range(3):
        assert ask(api, model, **secret) == first
    assert upstream.models[f"new-{name}"] == before + 3

    # Remove: not while it is used.
    assert api.post(f"/admin/pools/{name}/remove", {}).status == 409
    remove(api, name, [first, second], [model])
    assert ask(api, model) == 404
    assert row(api, first) is None


@pytest.mark.parametrize("secrecy", DATA["classes"])
def test_a_class_is_answered_by_those_that_are_cleared_and_by_no_other(server, upstream, everywhere, secrecy):
    able = {pool["name"] for pool in POOLS if RANK[pool["secrecy"]] >= RANK[secrecy]}
    seen = {ask(server.api, "everywhere", **{"X-Xingcha-Secrecy": secrecy}).rpartition("-")[0] for _ in range(60)}
    assert seen <= able
    assert len(seen) >= min(len(able), 3), "and not always by the same"


def test_without_one_that_is_cleared_there_is_no_answer(server, upstream, everywhere):
    api = server.api
    open_to_all = [pool["name"] for pool in POOLS if pool["secrecy"] == "public"]
    change(api, "routes/cheap", {"targets": [{"pool": name, "model": "m"} for name in open_to_all]})
    for secrecy in DATA["classes"][1:]:
        assert ask(api, "cheap", **{"X-Xingcha-Secrecy": secrecy}) == 403
    assert ask(api, "cheap", **{"X-Xingcha-Secrecy": "top"}) == 400
    change(api, "routes/cheap", {"targets": []})


def test_a_cleared_pool_that_is_broken_is_not_replaced_by_one_that_is_not(server, upstream, everywhere):
    vault = set(everywhere["bj-vault"])
    upstream.broken.update(vault)
    before = dict(upstream.asked)
    statuses = {ask(server.api, "everywhere", **{"X-Xingcha-Secrecy": "secret"}) for _ in range(3)}
    upstream.broken.clear()
    assert statuses <= {502, 503}, statuses
    assert {name for name, count in upstream.asked.items() if count != before.get(name, 0)} <= vault


@pytest.mark.parametrize("region", sorted({pool["region"] for pool in POOLS}))
def test_a_tenants_region_holds(server, upstream, everywhere, region):
    api = server.api
    able = {pool["name"] for pool in POOLS if pool["region"] == region}
    change(api, "clearances/default", {"region": region})
    with contextlib.ExitStack() as after:
        after.callback(change, api, "clearances/default", {"region": "", "secrecy": "public"})
        seen = {ask(api, "everywhere").rpartition("-")[0] for _ in range(8)}
        assert seen and seen <= able
        change(api, "clearances/default", {"region": "cn-nowhere"})
        assert ask(api, "everywhere") == 403


def test_a_canary_has_its_share_and_a_reserve_waits(server, upstream, everywhere):
    api, canary = server.api, DATA["canary"]
    stable, trial, reserve = canary["stable"], canary["trial"], canary["reserve"]
    targets = [{"pool": stable, "model": "v1", "weight": canary["weights"][0]},
               {"pool": trial, "model": "v2", "weight": canary["weights"][1]},
               {"pool": reserve, "model": "v1", "weight": 0}]
    change(api, "routes/telechat", {"targets": targets})
    seen = [ask(api, "telechat").rpartition("-")[0] for _ in range(200)]
    assert set(seen) == {stable, trial}
    assert 3 <= seen.count(trial) <= 50, "a tenth of 200"
    # Back to none, and when the stable one breaks the reserve takes over.
    targets[1]["weight"] = 0
    change(api, "routes/telechat", {"targets": targets[:1] + targets[2:]})
    upstream.broken.update(everywhere[stable])
    seen = {ask(api, "telechat").rpartition("-")[0] for _ in range(10)}
    upstream.broken.clear()
    assert seen == {reserve}
    change(api, "routes/telechat", {"targets": []})


def test_nothing_is_billed_twice_and_the_ledger_is_conserved(server, upstream, everywhere):
    assert ask(server.api, "everywhere").rpartition("-")[0] in everywhere
    assert server.api.metric("xingcha_quota_conserved") == 1
    assert server.api.metric("xingcha_quota_reservations") == 0
