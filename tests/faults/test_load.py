"""Loading, memory, queues and workers that cannot start.

Eviction by memory needs a machine whose free memory stands still: src/fleet/fleet_load_test.cc has it.
"""

import concurrent.futures
import os

from harness import paths
from harness.home import Home
from harness.server import Server, alive, fresh_server, wait_until


def state_of(api, model=paths.MODEL):
    return api.get(f"/v1/models/{model}").json()["xingcha"]


def spoil(path):
    """Other bytes, same size, same date: what only the worker can notice."""
    facts = path.stat()
    os.chmod(path, 0o600)
    with open(path, "r+b") as file:
        file.write(b"XXXX")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_a_model_that_cannot_start_says_why():
    with fresh_server(models="private") as server:
        spoil(server.home.weights())
        reply = server.api.chat()
        assert reply.status == 503, reply
        wait_until(lambda: server.api.chat().status == 503 and
                   state_of(server.api)["state"] == "failed", "the circuit is open")
        reason = state_of(server.api)["reason"]
        assert reason
        english = server.api.request(
            "POST", "/v1/chat/completions",
            {"model": paths.MODEL, "messages": [{"role": "user", "content": "hi"}]},
            {"Accept-Language": "en"},
        )
        assert reason in english.json()["error"]["message"]
        assert "cannot start" in english.json()["error"]["message"]
        row = server.api.worker()
        assert row["state"] == "failed" and row["reason"] == reason
        # The rest of the program is not touched.
        assert server.api.get("/readyz").status == 200


def test_a_model_file_that_is_deleted_or_changed():
    with fresh_server(models="private") as server:
        assert server.api.chat(max_tokens=2).status == 200
        weights = server.home.weights()
        aside = weights.with_suffix(".aside")
        weights.rename(aside)
        gone = wait_until(
            lambda: (r := server.api.chat(max_tokens=2)).status != 200 and r, "it is noticed"
        )
        assert gone.status == 503 and paths.MODEL in gone.json()["error"]["message"]
        aside.rename(weights)
        wait_until(lambda: server.api.chat(max_tokens=2).status == 200, "it is back")
        os.chmod(weights, 0o600)
        with open(weights, "ab") as file:
            file.write(b"more")
        changed = wait_until(
            lambda: (r := server.api.chat(max_tokens=2)).status != 200 and r, "it is noticed"
        )
        assert changed.status == 503


def test_a_model_that_does_not_fit_is_refused_with_the_numbers():
    with fresh_server(XINGCHA_MEMORY_RESERVE_MIB="16000000") as server:
        body = {"model": paths.MODEL, "prompt": "a"}
        reply = server.api.request(
            "POST", "/v1/completions", body, {"Accept-Language": "en"}
        )
        assert reply.status == 503
        message = reply.json()["error"]["message"]
        needs, free = [int(w) for w in message.split() if w.isdigit()]
        assert needs > 100 and free >= 0 and "MiB" in message


def test_two_models_side_by_side():
    with Home() as home:
        home.cli("import", home.weights(), "--name", "twin")
        with Server(home).start() as server:
            body = {"prompt": "The capital of France is", "max_tokens": 3, "temperature": 0}
            texts = [
                server.api.post("/v1/completions", {**body, "model": m}).json()["choices"][0]["text"]
                for m in (paths.MODEL, "twin")
            ]
            assert texts[0] == texts[1]
            pids = {server.api.worker(m)["pid"] for m in (paths.MODEL, "twin")}
            assert len(pids) == 2 and all(alive(pid) for pid in pids)
            assert server.api.post("/admin/workers/twin/stop", {}).status == 200
            wait_until(lambda: not server.api.worker("twin")["pid"], "one has stopped")
            assert server.api.worker()["state"] == "ready"


def test_an_idle_model_is_unloaded():
    with fresh_server(XINGCHA_KEEP_ALIVE_S="0") as server:
        assert server.api.chat(max_tokens=2).status == 200
        wait_until(lambda: not server.api.worker()["pid"], "it is unloaded")
        assert state_of(server.api)["state"] == "available"
        assert server.api.chat(max_tokens=2).status == 200


def test_a_model_loaded_at_the_start():
    with fresh_server(XINGCHA_PRELOAD=paths.MODEL) as server:
        wait_until(lambda: (server.api.worker() or {}).get("state") == "ready", "it is loaded")


def ask_many(api, count, body):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        asked = [pool.submit(api.post, "/v1/completions", body(i)) for i in range(count)]
        return [one.result() for one in asked]


def test_requests_that_together_exceed_the_cache_all_complete():
    """Six requests that need about 750 of 512 cells."""
    with fresh_server(XINGCHA_CONTEXT="512", XINGCHA_CELLS="512") as server:
        def body(i):
            return {"model": paths.MODEL, "prompt": f"Story {i}. " + f"word{i} " * 18,
                    "max_tokens": 80, "ignore_eos": True, "temperature": 0}

        replies = ask_many(server.api, 6, body)
        assert [r.status for r in replies] == [200] * 6, [r.body for r in replies]
        used = [r.json()["usage"] for r in replies]
        assert [u["completion_tokens"] for u in used] == [80] * 6
        assert sum(u["total_tokens"] for u in used) > 512


def test_an_answer_that_reaches_the_context_ends_there():
    with fresh_server(XINGCHA_CONTEXT="128") as server:
        body = {"model": paths.MODEL, "prompt": "Once", "max_tokens": 5000, "ignore_eos": True}
        choice = server.api.post("/v1/completions", body).json()
        assert choice["choices"][0]["finish_reason"] == "length"
        assert choice["usage"]["total_tokens"] <= 128


def test_sixty_four_at_once(api):
    replies = ask_many(
        api, 64,
        lambda i: {"model": paths.MODEL, "prompt": f"Number {i} is", "max_tokens": 3},
    )
    assert {r.status for r in replies} == {200}


def test_a_full_queue_says_when_to_come_again():
    with fresh_server(XINGCHA_SEQUENCES="1") as server:
        api = server.api
        long = {"model": paths.MODEL, "prompt": "Once", "max_tokens": 7000, "ignore_eos": True}
        short = {"model": paths.MODEL, "prompt": "a", "max_tokens": 1}
        with concurrent.futures.ThreadPoolExecutor(300) as pool:
            with api.stream("/v1/completions", long) as events:
                next(events)  # the only sequence is taken
                asked = [pool.submit(api.post, "/v1/completions", short) for _ in range(300)]
                wait_until(
                    lambda: sum(one.done() for one in asked) >= 300 - 256, "the queue is full"
                )
            replies = [one.result() for one in asked]
        refused = [r for r in replies if r.status == 429]
        assert len(refused) >= 300 - 256
        assert all(r.status in (200, 429) for r in replies)
        for reply in refused:
            assert int(reply.headers["retry-after"]) >= 1
            assert reply.json()["error"]["type"] == "rate_limit_error"
        assert api.chat(max_tokens=1).status == 200


def test_stopping_a_busy_worker_lets_it_finish(api):
    body = {"model": paths.MODEL, "prompt": "Once", "max_tokens": 60, "ignore_eos": True}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with api.stream("/v1/completions", body) as events:
            next(events)
            stopped = pool.submit(api.post, f"/admin/workers/{paths.MODEL}/stop", {})
            rest = list(events)
        assert rest[-1].data == "[DONE]"
        assert stopped.result().status == 200
    assert api.chat(max_tokens=1).status == 200
