"""Several gateways on one PostgreSQL: limits, keys and pools reach all, a budget is one budget, one of them may be
killed, and one that is cut off from the database goes on with what it leased."""

import collections
import concurrent.futures
import contextlib
import http.client
import json
import random
import shutil
import threading
import time

import pytest

from harness import paths
from harness.audit import all_records, verify
from harness.flaky import OUT, Flaky
from harness.home import Home
from harness.postgres import Postgres, Wire
from harness.server import Server, free_port, wait_until

PROMPT = "Tell me something about the sea and the ships on it."
BODY = {"model": "m", "prompt": PROMPT, "max_tokens": OUT}
# What one request sets aside: its prompt is guessed from its length, with room for the template.
RESERVATION = len(PROMPT) // 3 + 1 + 8 + OUT
SLICES = 64  # limits::kLeaseSlices


@pytest.fixture(scope="module")
def upstream():
    with contextlib.closing(Flaky()) as made:
        yield made


@pytest.fixture(scope="module")
def postgres():
    return Postgres()


class Fleet:
    """Gateways on one database, each on a home of its own."""

    def __init__(self, stack, postgres, name, urls, settings):
        self.name, self.postgres, self._stack, self._settings = name, postgres, stack, settings
        self.homes = [stack.enter_context(Home(models=False)) for _ in urls]
        self._urls = urls
        self._listens = [f"127.0.0.1:{free_port()}" for _ in urls]
        self.servers = []
        for at in range(len(urls)):
            if at > 0:  # the first one made the key of all
                shutil.copy2(self.homes[0].root / "credentials.toml", self.homes[at].root)
            self.servers.append(self._launch(at))

    def _launch(self, at):
        server = Server(self.homes[at], listen=self._listens[at], XINGCHA_DATABASE=self._urls[at], **self._settings)
        self._stack.callback(server.kill)
        return server.start()

    def again(self, at):
        self.servers[at] = self._launch(at)

    def api(self, at=0):
        return self.servers[at].api

    def sql(self, text):
        return self.postgres.sql(text, self.name)

    def used(self):
        """By the usage table, which is the truth."""
        return int(self.sql("SELECT COALESCE(SUM(prompt_tokens + completion_tokens), 0) FROM usage_hours")[0][0])

    def log(self):
        return "\n".join(server.log() for server in self.servers)


@contextlib.contextmanager
def fleet(postgres, name, urls, upstream, **settings):
    with contextlib.ExitStack() as stack:
        made = Fleet(stack, postgres, name, urls, settings)
        put(made.api(), "pools/far", {"policy": "least"})
        put(made.api(), "endpoints/far-1", {"pool": "far", "url": upstream.url, "vendor": "vllm"})
        put(made.api(), "routes/m", {"targets": [{"pool": "far", "model": "theirs"}]})
        try:
            # Each gateway learns of the route by itself.
            for server in made.servers:
                models = server.api
                wait_until(lambda: "m" in [m["id"] for m in models.get("/v1/models").json()["data"]], "the route")
            yield made
        except BaseException:
            print(made.log())
            raise


def put(api, path, body):
    reply = api.request("PUT", "/admin/" + path, body=body)
    assert reply.status == 200, reply
    return reply.json()


def budget_of(api, scope, name):
    rows = api.get(f"/admin/quotas?scope={scope}&name={name}").json()["quotas"]
    return next(row for row in rows if row["meter"] == "tokens_per_month")


class Tally:
    def __init__(self):
        self._lock = threading.Lock()
        self.statuses = collections.Counter()
        self.whole = collections.Counter()  # request id → answers
        self.others = []

    def add(self, status, request=None, reply=None):
        with self._lock:
            self.statuses[status] += 1
            if request:
                self.whole[request] += 1
            if status not in (200, 402, "left"):
                self.others.append(str(reply)[:300])


def client(number, made, tally):
    """Asks one gateway and then the next, until it was refused three times."""
    dice = random.Random(number)
    refused = count = 0
    while refused < 3:
        count += 1
        api = made.api((number + count) % len(made.servers))
        name = f"c{number}-{count}"
        try:
            if dice.random() < 0.3:
                with api.stream("/v1/completions", BODY) as events:
                    for _ in range(dice.randrange(0, 6)):
                        next(events, None)
                tally.add("left")
                continue
            reply = api.post("/v1/completions", BODY, headers={"X-Request-Id": name})
        except AssertionError:
            refused += 1  # a stream that did not begin
            continue
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)  # the one that was killed
            continue
        tally.add(reply.status, name if reply.status == 200 else None, reply)
        refused += reply.status == 402


@pytest.mark.parametrize("clients,budget", [(60, 8_000), pytest.param(200, 32_000, marks=pytest.mark.slow)])
def test_one_budget_for_three_gateways_and_one_killed(postgres, upstream, clients, budget):
    """Clients that leave, an endpoint that fails before and in its answers, and a gateway that is killed."""
    upstream.faults.clear()
    name = f"budget{clients}"
    urls = [postgres.make_database(name)] * 3
    tally = Tally()
    with fleet(postgres, name, urls, upstream) as made:
        for fault in ("500", "cut"):
            put(made.api(), f"endpoints/far-{fault}", {"pool": "far", "url": upstream.fault(fault), "vendor": "vllm"})
        put(made.api(), "quotas", {"scope": "tenant", "name": "default", "limits": {"tokens_per_month": budget}})
        for server in made.servers:
            wait_until(lambda: budget_of(server.api, "tenant", "default"), "the limit is in force")
        time.sleep(1.5)  # in the other ledgers too: limits::kUsageInterval
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            runs = [pool.submit(client, i, made, tally) for i in range(clients)]
            wait_until(lambda: len(tally.whole) >= budget // 100, "some are answered")
            made.servers[2].kill()
            concurrent.futures.wait(runs, timeout=paths.PATIENCE_S * 3)
            assert all(run.done() for run in runs), (tally.statuses, tally.others[:5])
        assert not tally.others, (tally.statuses, tally.others[:5])
        made.again(2)
        for fault in ("500", "cut"):  # one caller alone may meet both, which no gateway can help
            assert made.api().post(f"/admin/endpoints/far-{fault}/remove", {}).status == 200
        spend_the_rest(made, tally)
        check(made, tally, budget, clients)
        assert upstream.faults["500"] > 0 and upstream.faults["cut"] > 0, upstream.faults


def spend_the_rest(made, tally):
    """What was given back after the last client was refused."""
    for server in made.servers:
        wait_until(lambda: server.api.metric("xingcha_quota_reservations") == 0, "all is settled")
    wait_until(lambda: budget_of(made.api(), "tenant", "default")["reserved"] == 0, "no lease is held")
    count = 0
    while (reply := made.api().post("/v1/completions", BODY)).status == 200:
        tally.add(200, f"rest-{count}")
        count += 1
    assert reply.status == 402 and reply.json()["error"]["code"] == "insufficient_quota", reply


def check(made, tally, granted, clients):
    def at_rest():
        now = budget_of(made.api(), "tenant", "default")
        return now if now["settled"] == made.used() and now["reserved"] == 0 else None

    budget = wait_until(at_rest, "all is added up and no lease is held")
    # One budget: what all used, what they hold and what is left are what was granted.
    assert budget["granted"] == granted
    assert budget["settled"] + budget["reserved"] + budget["remaining"] == granted
    # Used up but for less than one request, and not overdrawn by more than what ran in the one that was killed, which
    # bills nothing, and its slice.
    assert budget["remaining"] < RESERVATION
    assert budget["settled"] <= granted + clients * RESERVATION + max(granted // SLICES, RESERVATION)
    assert max(tally.whole.values()) == 1
    print("granted", granted, "settled", budget["settled"], "answers", len(tally.whole), dict(tally.statuses))

    billed = 0
    for at, server in enumerate(made.servers):
        settlements = all_records(server.api, "settlement")
        partners = [record["partner"] for record in settlements]
        assert len(partners) == len(set(partners)), "billed twice"
        billed += sum(
            r["record"].get("prompt_tokens", 0) + r["record"].get("completion_tokens", 0) for r in settlements
        )
        assert verify(made.homes[at])["good"]
        assert server.api.metric("xingcha_quota_conserved") == 1
    assert billed == budget["settled"]


def test_what_one_gateway_changes_is_in_force_at_all(postgres, upstream):
    urls = [postgres.make_database("shared")] * 3
    with fleet(postgres, "shared", urls, upstream) as made:
        key = made.api(0).post("/admin/keys", {"name": "guest"}).json()
        def status(at):
            return made.api(at).post("/v1/completions", BODY, key=key["key"]).status

        for at in range(3):
            wait_until(lambda: status(at) == 200, "the key is known")
        put(made.api(1), "prices", {"model": "m", "input": 1_000_000, "output": 1_000_000})
        put(made.api(2), "quotas", {"scope": "key", "name": key["id"], "limits": {"micro_yuan_per_day": 1}})
        for at in range(3):
            wait_until(lambda: status(at) == 402, "the budget is in force")
        put(made.api(0), "quotas", {"scope": "key", "name": key["id"], "limits": {"micro_yuan_per_day": None}})
        for at in range(3):
            wait_until(lambda: status(at) == 200, "the budget is gone")
        put(made.api(0), "endpoints/far-1", {"pool": "far", "url": upstream.url, "vendor": "vllm", "state": "paused"})
        for at in range(3):
            wait_until(lambda: status(at) == 503, "the endpoint is paused")
        began = time.monotonic()
        assert made.api(0).post(f"/admin/keys/{key['id']}/revoke", {}).status in (200, 204)
        for at in range(3):
            wait_until(lambda: status(at) == 401, "the key is revoked")
        print("revoked everywhere after", round(time.monotonic() - began, 2), "s")


def looked_for_seldom(**more):
    """Nobody looks for changes by itself while a test runs: what comes in force was announced."""
    return {"XINGCHA_DATABASE_POLL_S": "3600", **more}


def test_what_is_withdrawn_is_refused_by_all_at_once(postgres, upstream):
    """Announced by the database, not looked for."""
    urls = [postgres.make_database("withdrawn")] * 2
    password = "correct horse battery"
    with fleet(postgres, "withdrawn", urls, upstream, **looked_for_seldom()) as made:
        here, there = made.api(0), made.api(1)

        def made_at_one(path, **body):
            reply = here.post(path, body)
            assert reply.status == 200, reply
            return reply.json()

        def session(name):
            body = {"name": name, "password": password}
            token = here.post("/admin/login", body, key=None).json()["token"]
            wait_until(lambda: there.get("/admin/whoami", key=token).status == 200, "the session is known")
            return token

        made_at_one("/admin/tenants", name="acme")
        for name in ("li", "wang"):
            made_at_one("/admin/users", name=name, role="auditor", password=password)
        users = {user["name"]: user["id"] for user in here.get("/admin/users").json()["users"]}
        revoked, theirs, tight = (made_at_one("/admin/keys", name=n, tenant=t) for n, t in
                                  (("a", "default"), ("b", "acme"), ("c", "default")))

        def status(key):
            return there.post("/v1/completions", BODY, key=key["key"]).status

        for key in (revoked, theirs, tight):
            wait_until(lambda: status(key) == 200, "the key is known")
        made_at_one(f"/admin/keys/{revoked['id']}/revoke")
        wait_until(lambda: status(revoked) == 401, "the key is revoked")
        made_at_one("/admin/tenants/acme/suspend")
        wait_until(lambda: status(theirs) == 401, "the tenant is suspended")
        put(here, "quotas", {"scope": "key", "name": tight["id"], "limits": {"tokens_per_day": 1}})
        wait_until(lambda: status(tight) == 402, "the limit is in force")
        disabled, ended = session("li"), session("wang")
        made_at_one(f"/admin/users/{users['li']}/disable")
        wait_until(lambda: there.get("/admin/whoami", key=disabled).status == 401, "the user is disabled")
        assert here.post("/admin/logout", {}, key=ended).status == 200
        wait_until(lambda: there.get("/admin/whoami", key=ended).status == 401, "the session has ended")


def test_what_was_announced_to_nobody_is_caught_up(postgres, upstream):
    """The connection that announces breaks: said once, made again, and what changed meanwhile is read."""
    direct = postgres.make_database("unheard")
    wire = Wire(postgres.socket())
    with fleet(postgres, "unheard", [direct, wire.url("unheard")], upstream, **looked_for_seldom()) as made:
        home, away = made.api(0), made.api(1)
        key = home.post("/admin/keys", {"name": "guest"}).json()

        def status(api):
            return api.post("/v1/completions", BODY, key=key["key"]).status

        wait_until(lambda: status(away) == 200, "the key is known")
        wire.cut()
        said = made.servers[1].err.read_text
        wait_until(lambda: "not announced here" in said(), "it is said")
        assert home.post(f"/admin/keys/{key['id']}/revoke", {}).status == 200
        assert status(away) == 200
        wire.mend()
        wait_until(lambda: status(away) == 401, "the revocation came through")
        assert said().count("not announced here") == said().count("announced here again") == 1, said()
    wire.cut()


def test_a_gateway_that_hears_of_nothing_looks_by_itself(postgres, upstream):
    """One connection is all that the database grants it."""
    direct = postgres.make_database("deaf")
    postgres.sql("CREATE ROLE deaf LOGIN CONNECTION LIMIT 1 IN ROLE xingcha", "deaf")
    urls = [direct, direct.replace("xingcha@", "deaf@")]
    with fleet(postgres, "deaf", urls, upstream) as made:
        key = made.api(0).post("/admin/keys", {"name": "guest"}).json()

        def status():
            return made.api(1).post("/v1/completions", BODY, key=key["key"]).status

        wait_until(lambda: status() == 200, "the key is known")
        assert made.api(0).post(f"/admin/keys/{key['id']}/revoke", {}).status == 200
        wait_until(lambda: status() == 401, "the key is revoked")
        assert made.servers[1].err.read_text().count("not announced here") == 1


def test_a_gateway_on_an_island(postgres, upstream):
    """Cut off from the database it serves by its last policy and its leased budget, and reconciles afterwards."""
    direct = postgres.make_database("island")
    wire = Wire(postgres.socket())
    with fleet(postgres, "island", [direct, wire.url("island")], upstream) as made:
        home, island = made.api(0), made.api(1)
        tight, free = (home.post("/admin/keys", {"name": name}).json() for name in ("tight", "free"))

        def ask(api, key):
            return api.post("/v1/completions", BODY, key=key["key"])

        granted = 100 * RESERVATION
        put(home, "quotas", {"scope": "key", "name": tight["id"], "limits": {"tokens_per_month": granted}})
        wait_until(lambda: ask(island, free).status == 200, "the keys are known")
        wait_until(
            lambda: ask(island, tight).status == 200 and budget_of(home, "key", tight["id"])["reserved"] > 0, "a lease"
        )
        wire.cut()
        # What was leased goes on being handed out, and no more: a slice is less than three requests.
        answered = 0
        while (reply := ask(island, tight)).status == 200:
            answered += 1
            assert answered <= 6, "more than was leased"
        assert reply.status == 503 and int(reply.headers["retry-after"]) > 0, reply
        for _ in range(5):
            assert ask(island, free).status == 200
        # The last policy stays in force; the other gateway goes on.
        assert home.post(f"/admin/keys/{free['id']}/revoke", {}).status in (200, 204)
        assert ask(island, free).status == 200
        assert ask(home, tight).status == 200
        wait_until(
            lambda: any(a["alarm"] == "database_away" for a in island.get("/admin/alarms").json()["alarms"]), "alarm"
        )

        wire.mend()
        wait_until(lambda: ask(island, free).status == 401, "the revocation came through")
        wait_until(lambda: ask(island, tight).status == 200, "there is more to lease")

        def settled():
            now = budget_of(home, "key", tight["id"])
            mine = sum(
                int(n) for n in made.sql(
                    f"SELECT SUM(prompt_tokens + completion_tokens) FROM usage_hours WHERE key_id = '{tight['id']}'"
                )[0]
            )
            total = now["settled"] + now["reserved"] + now["remaining"]
            return now["settled"] == mine and total == granted and now["reserved"] == 0

        wait_until(settled, "the books agree and nothing is held")
        logged = sum(len(all_records(api, "settlement")) for api in (home, island))
        requests = int(made.sql("SELECT SUM(requests) FROM usage_hours")[0][0])
        used = [r for api in (home, island) for r in all_records(api, "settlement") if r["record"].get("model")]
        assert requests == len(used) <= logged
        assert island.metric("xingcha_quota_conserved") == 1
    wire.cut()


def test_a_database_that_does_not_answer(postgres, upstream):
    """Worse than one that is gone: whoever asks it waits. Only those who need a new lease do, and not for long."""
    postgres.make_database("frozen")
    wire = Wire(postgres.socket())
    with fleet(postgres, "frozen", [wire.url("frozen")], upstream) as made:
        api = made.api()
        tight = api.post("/admin/keys", {"name": "tight"}).json()
        limits = {"tokens_per_month": 100 * RESERVATION}
        put(api, "quotas", {"scope": "key", "name": tight["id"], "limits": limits})
        def ask(key):
            return api.post("/v1/completions", BODY, key=key)

        assert ask(tight["key"]).status == 200
        wire.freeze()
        try:
            while (reply := ask(tight["key"])).status == 200:
                pass
            assert reply.status == 503 and int(reply.headers["retry-after"]) > 0, reply
            for _ in range(20):
                assert ask(api.key).status == 200
        finally:
            wire.thaw()
        wait_until(lambda: ask(tight["key"]).status == 200, "there is more to lease")
        wait_until(lambda: api.metric("xingcha_quota_reservations") == 0, "nothing is left reserved")
        assert api.metric("xingcha_quota_conserved") == 1
    wire.cut()


def test_a_database_that_hangs_does_not_hold_up_the_end(postgres):
    postgres.make_database("hung")
    wire = Wire(postgres.socket())
    with Home(models=False) as home, Server(home, XINGCHA_DATABASE=wire.url("hung")) as server:
        assert server.api.get("/v1/models").status == 200
        wire.freeze()
        try:
            time.sleep(2)  # what follows changes waits for an answer by now
            assert server.api.get("/v1/models").status == 200
            assert server.stop() == 0
        finally:
            wire.thaw()
    wire.cut()


def test_one_server_on_postgresql(postgres):
    """The usual things, on the other database."""
    url = postgres.make_database("alone")
    secret = url.replace("xingcha@", "xingcha:top-secret@")
    with Home() as home, Server(home, XINGCHA_DATABASE=secret) as server:
        api = server.api
        assert api.chat("Say hi.", max_tokens=4).status == 200
        with api.stream("/v1/completions", {"model": paths.MODEL, "prompt": "One", "max_tokens": 4}) as events:
            assert [event.data for event in events][-1] == "[DONE]"
        made = json.loads(home.cli("key", "create", "guest", "--json", XINGCHA_DATABASE=secret).stdout)
        wait_until(lambda: api.get("/v1/models", key=made["key"]).status == 200, "the key is known")
        limits = {"requests_per_minute": 2}
        put(api, "quotas", {"scope": "key", "name": made["id"], "limits": limits})
        body = {"model": paths.MODEL, "prompt": "x", "max_tokens": 1}
        seen = [api.post("/v1/completions", body, key=made["key"]).status for _ in range(3)]
        assert seen == [200, 200, 429]
        usage = wait_until(
            lambda: [r for r in api.get("/admin/usage?group_by=key").json()["usage"] if r["key"] == made["id"]], "usage"
        )
        assert usage[0]["requests"] >= 1
        checks = json.loads(home.cli("doctor", "--json", check=False, XINGCHA_DATABASE=secret).stdout)["checks"]
        database = next(check for check in checks if check["id"] == "database")
        assert database["status"] == "ok" and "postgresql://" in database["text"], database
        assert "top-secret" not in json.dumps(checks) + server.log()
        assert server.stop() == 0
        assert postgres.sql("SELECT COUNT(*) FROM gateways", "alone") == [["0"]]
        assert verify(home)["good"]
