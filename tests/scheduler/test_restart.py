"""A conversation goes on after the server was stopped and started; other tenants get nothing of it."""

import contextlib
import shutil

import pytest

from harness import gguf_file, greedy
from harness.home import Home
from harness.near_tie import agrees
from harness.server import Server
from harness.tenants import key_of_tenant

LONG, OUT = 600, 8
CHUNK = 256
WHOLE_CHUNKS = LONG // CHUNK * CHUNK
SMALL_FILE = 64 * 1024  # a chunk has megabytes; secrets and locks lie beside them
ALIKE = {"XINGCHA_THREADS": "1"}


def ask(server, key, prompt, **more):
    reply = server.api.post("/v1/completions", greedy.request(prompt, OUT, **more), key=key)
    return greedy.whole(reply)


class Told:
    """What tenant A was told before the restart, and the home where it was."""

    def __init__(self, home):
        self.home = home
        self.talk = greedy.tokens(LONG, "talk")
        self.turn = greedy.quoting(self.talk, 100)
        self.short = greedy.quoting(self.talk[:WHOLE_CHUNKS], 200)
        with Server(home, **ALIKE) as server:
            self.keys = {t: key_of_tenant(home.root, server.api, t) for t in ("a", "b", "c")}
            self.first = ask(server, self.keys["a"], self.talk, logprobs=2)
            self.again = ask(server, self.keys["a"], self.talk)
            self.stranger = ask(server, self.keys["b"], self.talk)
            self.more = ask(server, self.keys["a"], self.turn, logprobs=2)
            assert server.stop() == 0

    @contextlib.contextmanager
    def restarted(self):
        """A server on a copy of the home: a test that fails leaves the others theirs."""
        with Home(models=True) as copy:
            for name in ("data", "credentials.toml"):
                source = self.home.root / name
                (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy.root / name)
            with Server(copy, **ALIKE) as server:
                try:
                    yield server
                except BaseException:
                    print(server.log())
                    print(server.api.get("/admin/engine"))
                    raise


@pytest.fixture(scope="module")
def told():
    with Home() as home:
        yield Told(home)


def test_before_the_restart_the_prefix_is_kept_for_its_tenant_only(told):
    assert greedy.cached(told.first) == 0
    assert greedy.cached(told.again) == LONG - 1
    assert greedy.cached(told.more) == LONG
    assert greedy.cached(told.stranger) == 0
    assert agrees(told.first["choices"][0], greedy.text_of(told.again))


def test_a_conversation_goes_on_after_a_restart(told):
    with told.restarted() as server:
        more = ask(server, told.keys["a"], told.turn)
        assert greedy.cached(more) >= WHOLE_CHUNKS
    assert agrees(told.more["choices"][0], greedy.text_of(more))


def test_after_a_restart_a_stranger_gets_nothing(told):
    """c, who never asked: b has chunks of its own by now. The owner asks last: that there was something to get is
    shown by the owner's own hit."""
    with told.restarted() as server:
        stranger = ask(server, told.keys["c"], told.short)
        owner = ask(server, told.keys["a"], told.short)
    assert greedy.cached(stranger) == 0
    assert greedy.cached(owner) >= WHOLE_CHUNKS


def spoil(chunks):
    """One bit in the middle of each, where the cells are."""
    for path in chunks:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


def test_a_spoiled_chunk_is_computed_again(told):
    """One flipped bit in every chunk: nothing is loaded, the answer is right."""
    with told.restarted() as server:
        server.stop()
        files = [p for p in (server.home.root / "data" / "chunks").rglob("*") if p.is_file()]
        chunks = [p for p in files if p.stat().st_size > SMALL_FILE]
        assert chunks, "the store is empty"
        spoil(chunks)
        with Server(server.home, **ALIKE) as again:
            more = ask(again, told.keys["a"], told.turn)
    assert greedy.cached(more) == 0
    assert agrees(told.more["choices"][0], greedy.text_of(more))


def test_other_weights_of_the_same_name_and_shape_find_nothing():
    """A model that was taught more: equal headers, another KV. The first one again finds what was its own."""
    name, talk = "pupil", greedy.tokens(LONG, "lesson")

    def cached_by(home, weights):
        home.cli("import", weights, "--name", name)
        with Server(home, **ALIKE) as server:
            reply = server.api.post("/v1/completions", {**greedy.request(talk, OUT), "model": name})
            cached = greedy.cached(greedy.whole(reply))
        home.cli("rm", "-y", name)
        return cached

    with Home() as home:
        before = gguf_file.first_layers(home.weights(), home.root / "before.gguf", 2)
        after = home.root / "after.gguf"
        data = bytearray(before.read_bytes())
        data[-5000] ^= 1
        after.write_bytes(data)
        assert cached_by(home, before) == 0
        assert cached_by(home, after) == 0
        assert cached_by(home, before) >= WHOLE_CHUNKS
