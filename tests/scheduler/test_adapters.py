"""LoRA adapters by name: each has its own text and its own cache, and none keeps another waiting."""

import concurrent.futures
import contextlib
import json

import numpy
import pytest

from harness import gguf_file, greedy, paths
from harness.home import Home
from harness.near_tie import agrees
from harness.server import Server, wait_until
from harness.worker import Worker

LAYERS, WIDTH, WIDTH_KV, RANK = 30, 576, 192, 4  # of the test model
METADATA = {"general.architecture": "llama", "general.type": "adapter", "general.name": "random", "adapter.type": "lora"}
PROMPT, OUT, LONG = 96, 12, 120
STRENGTH = 0.2


def write_adapter(path, seed, width=WIDTH, **metadata):
    """Random, and strong enough that a text becomes another one."""
    source = numpy.random.default_rng(seed)
    tensors = {}
    for layer in range(LAYERS):
        for name, out in (("attn_q", WIDTH), ("attn_v", WIDTH_KV), ("attn_output", WIDTH)):
            at = f"blk.{layer}.{name}.weight"
            tensors[f"{at}.lora_a"] = source.normal(0, 1 / width**0.5, (RANK, width)).astype(numpy.float32)
            tensors[f"{at}.lora_b"] = source.normal(0, STRENGTH, (out, RANK)).astype(numpy.float32)
    return gguf_file.write(path, {**METADATA, "adapter.lora.alpha": float(RANK), **metadata}, tensors)


def import_adapter(home, file, name, **more):
    return home.cli("import", file, "--adapter-of", "smollm2:135m", "--name", name, **more)


@pytest.fixture(scope="module")
def home():
    with Home() as made:
        for seed, name in enumerate(("poet", "clerk")):
            import_adapter(made, write_adapter(made.root / f"{name}.gguf", seed), name)
        yield made


@pytest.fixture(scope="module")
def server(home):
    # One thread: the sums of a row are the same whoever is beside it.
    with Server(home, XINGCHA_THREADS="1") as running:
        try:
            greedy.whole(running.api.post("/v1/completions", greedy.request([1, 2, 3], 1)))
            yield running
        except BaseException:
            print(running.log())
            raise


@pytest.fixture(scope="module")
def worker(server):
    return Worker(server)


def named(name):
    return f"{paths.MODEL}:{name}" if name else paths.MODEL


def ask(server, name, prompt, out=OUT, **more):
    body = {**greedy.request(prompt, out), "model": named(name), "speculation": "off", **more}
    return greedy.whole(server.api.post("/v1/completions", body))


NAMES = ("", "poet", "clerk")


@pytest.fixture(scope="module")
def alone(server):
    """The prompt, and by name what each says of it while nobody else asks."""
    prompt = greedy.circle(PROMPT, "probe", 0)  # the model alone is sure of how it goes on
    return prompt, {name: ask(server, name, prompt, logprobs=2)["choices"][0] for name in NAMES}


def test_an_adapter_changes_the_text(alone):
    said = alone[1]
    assert len({choice["text"] for choice in said.values()}) == 3
    assert not agrees(said[""], said["poet"]["text"]) and not agrees(said[""], said["clerk"]["text"])


def test_an_adapter_does_what_its_matrices_say(server, home, alone):
    """With matrices of zeros it says what the model says."""
    source = numpy.random.default_rng(9)
    zeros = {}
    for layer in range(LAYERS):
        at = f"blk.{layer}.attn_q.weight"
        zeros[f"{at}.lora_a"] = source.normal(0, 1, (RANK, WIDTH)).astype(numpy.float32)
        zeros[f"{at}.lora_b"] = numpy.zeros((WIDTH, RANK), numpy.float32)
    file = gguf_file.write(home.root / "nothing.gguf", METADATA, zeros)
    import_adapter(home, file, "nothing")  # while the server runs
    prompt, said = alone
    assert agrees(said[""], greedy.text_of(ask(server, "nothing", prompt)))


@pytest.mark.slow
def test_beside_each_other_they_say_what_they_say_alone(server, worker, alone):
    prompt, said = alone
    before = worker.settled()
    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        asked = [(name, pool.submit(ask, server, name, prompt)) for name in NAMES * 3]
        for name, answer in asked:
            assert agrees(said[name], greedy.text_of(answer.result())), name
    after = worker.settled()
    assert after["adapter_switches"] - before["adapter_switches"] > OUT  # they took turns


def test_nothing_is_shared_between_adapters(server):
    prompt = greedy.tokens(600, "shared by nobody")
    hits = [greedy.cached(ask(server, name, prompt, 2)) for name in ("poet", "clerk", "", "poet", "clerk", "")]
    assert hits[:3] == [0, 0, 0]
    assert all(hit == len(prompt) - 1 for hit in hits[3:]), hits


@pytest.mark.slow
def test_one_stream_beside_eight_of_another_adapter(server):
    """The eight go on for long; the one is not kept waiting until they end."""
    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        first = greedy.tokens(16, "first of eight")
        with server.api.stream("/v1/completions", {**greedy.request(first, LONG), "model": named("poet")}) as events:
            next(events)
            others = [pool.submit(ask, server, "poet", greedy.tokens(16, "eight", i), LONG) for i in range(7)]
            one = ask(server, "clerk", greedy.tokens(16, "one"), 20)
            assert one["usage"]["completion_tokens"] == 20
            assert not any(other.done() for other in others)
            assert sum(1 for _ in events) > 0
        for other in others:
            assert other.result()["usage"]["completion_tokens"] == LONG


def test_the_worker_counts_what_it_loaded(worker):
    stats = worker.settled()
    assert 2 <= stats["adapters_loaded"] <= 3
    assert stats["adapter_bytes"] > 2 * LAYERS * RANK * WIDTH * 4


def test_embeddings_of_an_adapter_are_its_own(server):
    def vector(name):
        reply = server.api.post("/v1/embeddings", {"model": named(name), "input": "the silver ship"})
        assert reply.status == 200, reply
        return reply.json()["data"][0]["embedding"]

    base, poet = vector(""), vector("poet")
    assert sum(abs(a - b) for a, b in zip(base, poet)) > 0.1
    assert vector("") == pytest.approx(base, abs=1e-5)


def test_an_adapter_in_the_lists(server, home):
    rows = {row["id"]: row for row in server.api.get("/v1/models").json()["data"]}
    assert rows[named("poet")]["parent"] == paths.MODEL and "parent" not in rows[paths.MODEL]
    assert rows[named("poet")]["xingcha"]["capabilities"] == rows[paths.MODEL]["xingcha"]["capabilities"]
    assert server.api.get("/v1/models/smollm2:135m:poet").json()["id"] == named("poet")
    listed = {row["name"]: row for row in json.loads(home.cli("list", "--json").stdout)["models"]}
    assert listed[named("clerk")]["adapter_of"] == paths.MODEL
    shown = json.loads(home.cli("show", named("clerk"), "--json").stdout)
    assert shown["adapter_of"] == paths.MODEL and "memory" not in shown
    assert "Adapter of" in home.cli("show", named("clerk")).stdout


def test_a_chat_by_an_alias(server):
    body = {"model": "smollm2:135m:poet", "messages": [{"role": "user", "content": "Hi."}], "max_tokens": 4}
    reply = server.api.post("/v1/chat/completions", body)
    assert reply.status == 200 and reply.json()["model"] == "smollm2:135m:poet", reply


def test_an_adapter_that_is_not_there(server):
    body = {**greedy.request([1], 1), "model": named("nobody")}
    reply = server.api.post("/v1/completions", body, headers={"Accept-Language": "en"})
    assert reply.status == 404 and "no adapter 'nobody'" in reply.json()["error"]["message"], reply


def test_a_client_cannot_name_an_adapter_by_a_header(server, home, alone):
    prompt, said = alone
    digest = home.manifest(named("poet"))["weights"]["sha256"]
    body = {**greedy.request(prompt, OUT), "speculation": "off"}
    reply = server.api.post("/v1/completions", body, headers={"X-Xingcha-Adapter": f"poet={digest}"})
    assert agrees(said[""], greedy.text_of(greedy.whole(reply)))


@pytest.mark.parametrize("change, why", [
    ({"general.architecture": "qwen2"}, "architecture qwen2"),
    ({"general.type": "model"}, "not an adapter"),
    ({"adapter.type": "control"}, "'control'"),
    ({"width": 512}, "another shape"),
])
def test_files_that_are_refused(home, change, why):
    file = write_adapter(home.root / "bad.gguf", 3, **change)
    done = import_adapter(home, file, "bad", check=False)
    assert done.returncode == 1 and why in done.stderr, done.stderr
    assert not (home.root / "models" / "manifests" / f"{named('bad')}.json").exists()


def test_removal(server, home):
    import_adapter(home, write_adapter(home.root / "brief.gguf", 5), "brief")
    ask(server, "brief", [1, 2, 3], 1)
    kept = home.cli("rm", "-y", paths.MODEL, check=False)
    assert kept.returncode == 1 and "still has adapters" in kept.stderr, kept.stderr
    home.cli("rm", "-y", named("brief"))

    def gone():
        body = {**greedy.request([1, 2, 3], 1), "model": named("brief")}
        return server.api.post("/v1/completions", body).status == 404

    wait_until(gone, "the adapter is forgotten")


# --- more adapters than there is room for ---

ROOM = 16  # adapters that one model keeps loaded


@pytest.fixture(scope="module")
def crowd(home):
    """One more than there is room for, by name."""
    names = [f"crowd{i}" for i in range(ROOM + 1)]
    for seed, name in enumerate(names):
        file = write_adapter(home.root / f"{name}.gguf", 100 + seed)
        import_adapter(home, file, name)
        file.unlink()
    return names


@pytest.mark.slow
def test_who_was_used_least_recently_makes_room(server, worker, crowd):
    prompt = greedy.circle(PROMPT, "probe", 0)
    before = ask(server, crowd[0], prompt, logprobs=2)["choices"][0]
    for name in crowd[1:]:
        ask(server, name, [1, 2, 3], 1)
    stats = worker.settled()
    assert stats["adapters_loaded"] == ROOM
    # It comes back when it is asked for, with its own matrices; what it left in the cache is still its own.
    again = ask(server, crowd[0], prompt)
    assert greedy.cached(again) == len(prompt) - 1
    assert agrees(before, greedy.text_of(again))
    assert worker.settled()["adapters_loaded"] == ROOM


@pytest.mark.slow
def test_one_more_than_fits_in_use_comes_again_later(server, worker, crowd):
    *inside, late = crowd
    body = {**greedy.request([1, 2, 3], 1), "model": named(late)}
    with contextlib.ExitStack() as streams:
        for i, name in enumerate(inside):
            asked = {**greedy.request(greedy.tokens(8, "in use", i), 4000), "model": named(name)}
            events = streams.enter_context(server.api.stream("/v1/completions", asked))
            next(iter(events))
        refused = server.api.post("/v1/completions", body)
        assert refused.status == 429 and int(refused.headers["retry-after"]) >= 1, refused
        assert refused.json()["error"]["type"] == "rate_limit_error"
        # Those that are loaded, and the model alone, are served all the while.
        for name in (inside[0], ""):
            greedy.whole(server.api.post("/v1/completions", {**body, "model": named(name)}))
    worker.settled()
    greedy.whole(server.api.post("/v1/completions", body))
