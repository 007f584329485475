"""What happens to a stream when one of its ends goes away."""

import concurrent.futures
import contextlib
import functools
import http.client
import json
import os
import signal
import threading

import pytest

from harness import paths
from harness.server import Server, alive, fresh_server, wait_until

LONG = {
    "model": paths.MODEL,
    "messages": [{"role": "user", "content": "Tell a very long story."}],
    "max_tokens": 4000,
    "ignore_eos": True,
}


def idle(api):
    row = api.worker()
    return row is not None and row["in_flight"] == 0


def test_a_client_that_goes_frees_its_sequence(api):
    for _ in range(3):
        with api.stream("/v1/chat/completions", LONG) as events:
            for _ in range(3):
                next(events)
            assert api.worker()["in_flight"] == 1
        wait_until(lambda: idle(api), "the request is gone")
        # The gateway hears of it after the worker. One is left: the question itself.
        wait_until(lambda: api.metric("xingcha_requests_in_flight") <= 1, "the gateway is idle")


def test_a_client_that_goes_while_the_prompt_is_computed(api):
    body = {**LONG, "messages": [{"role": "user", "content": "ship " * 7000}], "stream": True}
    for _ in range(3):
        connection = http.client.HTTPConnection(api.host, api.port, timeout=60)
        headers = {"Authorization": f"Bearer {api.key}"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        wait_until(lambda: (api.worker() or {}).get("in_flight", 0) >= 1, "it has begun")
        connection.close()
    wait_until(lambda: idle(api), "the requests are gone")
    assert api.chat(max_tokens=2).status == 200


@pytest.mark.parametrize(
    "path,more",
    [
        ("/v1/chat/completions", {}),
        ("/v1/messages", {}),
        ("/v1/responses", {"input": "Tell a story.", "max_output_tokens": 4000}),
        ("/v1/completions", {"prompt": "Once"}),
    ],
)
def test_a_worker_killed_in_mid_stream(api, path, more):
    """The client reads a well-formed error in the shape of its API; the next request works."""
    with api.stream(path, {**LONG, **more}) as events:
        seen = [next(events) for _ in range(8)]
        os.kill(api.worker()["pid"], signal.SIGKILL)
        seen += list(events)
    last = seen[-1]
    if path == "/v1/messages":
        assert last.name == "error"
        assert last.json()["error"]["type"] == "api_error"
    elif path == "/v1/responses":
        assert last.json()["type"] in ("response.failed", "error")
    else:
        error = next(e.json()["error"] for e in seen if '"error"' in e.data)
        assert error["type"] == "server_error" and error["code"] == "upstream_error"
    assert last.data != "[DONE]" or path in ("/v1/chat/completions", "/v1/completions")
    again = api.chat(max_tokens=2)
    assert again.status == 200, again


def first_tokens(api):
    name = "xingcha_time_to_first_token_seconds_count"
    return api.metric(name, model=paths.MODEL, route="/v1/completions")


def test_a_whole_answer_whose_worker_dies_is_an_error(api):
    """After its first token it is not asked again: the same words might cost twice."""
    before = first_tokens(api)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        body = {"model": paths.MODEL, "prompt": "Once", "max_tokens": 3000, "ignore_eos": True}
        asked = pool.submit(api.post, "/v1/completions", body)
        wait_until(lambda: first_tokens(api) > before, "a token has come")
        os.kill(api.worker()["pid"], signal.SIGKILL)
        reply = asked.result()
    assert reply.status == 502 and reply.json()["error"]["code"] == "upstream_error"
    assert api.chat(max_tokens=2).status == 200


def test_sigterm_lets_a_stream_end():
    with fresh_server() as server:
        body = {**LONG, "max_tokens": 40}
        with server.api.stream("/v1/chat/completions", body) as events:
            seen = [next(events) for _ in range(3)]
            pid = server.api.worker()["pid"]
            server.signal(signal.SIGTERM)
            seen += list(events)
        assert seen[-1].data == "[DONE]"
        assert sum(1 for e in seen if e.data != "[DONE]" and e.json()["choices"]) >= 20
        assert server.process.wait(paths.PATIENCE_S) == 0
        wait_until(lambda: not alive(pid), "the worker is gone")


def test_killed_servers_take_their_workers_along_and_start_again():
    """kill -9 at several points of a server's life; the home starts again, keys and all."""
    with fresh_server() as server:
        home, key = server.home, server.api.key
        for moment in ("idle", "loading", "streaming"):
            pids = []
            if moment == "loading":
                asker = functools.partial(_quietly, server.api.chat)
                threading.Thread(target=asker, daemon=True).start()
                pids.append(wait_until(lambda: (server.api.worker() or {}).get("pid"), "a worker"))
                server.kill()
            elif moment == "streaming":
                with server.api.stream("/v1/chat/completions", LONG) as events:
                    next(events)
                    pids.append(server.api.worker()["pid"])
                    server.kill()
            else:
                server.kill()
            for pid in pids:
                wait_until(lambda: not alive(pid), f"worker {pid} dies with its server")
            server = Server(home).start()
            assert home.credentials()["key"] == key
            assert server.api.get("/v1/models").json()["data"][0]["id"] == paths.MODEL
        with server:
            assert server.api.chat(max_tokens=2).status == 200


def _quietly(call):
    with contextlib.suppress(OSError, http.client.HTTPException):
        call()
