"""Sharing does not change what is computed; the shape of a batch changes how it is rounded.

`sharing_probe` computes the second turn of a chat with llama.cpp alone: in a sequence of its own in the same two
batches (what everything is compared with), in one batch, beside another chat that shares its beginning, and in a
sequence that shares the whole first turn. As the worker opens its cache, sharing and neighbours change no bit, and only
the shape of the batch does: by some tenths of a nat, since the weights are quantised and their products take activations
of eight bits, where the last bit of a sum decides a whole step. With unquantised weights all of it is the same number.
That is the bound the other tests of this folder live with: harness/near_tie.py.
"""

import subprocess

import pytest

from harness import greedy, paths
from harness.home import Home
from harness.near_tie import MOVES_NATS

SYSTEM, OWN, NEW, OUT = 128, 24, 12, 10  # as test_sharing.py


def chats(seed):
    """The lines of a case: first turn, second turn, another chat's first turn, and what is decoded."""
    system = greedy.tokens(SYSTEM, "system", seed)
    first = greedy.quoting(system, 3, OWN)
    second = first + system[53:53 + NEW]
    return first, second, greedy.quoting(system, 30, OWN), second[-OUT:]


@pytest.fixture(scope="module")
def weights():
    with Home(models=True) as home:
        yield home.weights()


def measured(weights, seeds, *unrounded):
    """Nats by circumstance."""
    program = paths.BUILD / "tests" / "sharing_probe"
    lines = [" ".join(map(str, line)) + "\n" for seed in range(seeds) for line in chats(seed)]
    done = subprocess.run([program, weights, paths.BUILD / "bin", *unrounded], input="".join(lines),
                          capture_output=True, text=True, timeout=600, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) == seeds
    return {name: max(float(row[row.index(name) + 1]) for row in rows) for name in ("batch", "neighbours", "fork")}


def test_as_the_worker_computes_only_the_batch_matters(weights):
    most = measured(weights, 3)
    assert most["neighbours"] < 1e-3 and most["fork"] < 1e-3, most
    assert most["batch"] < MOVES_NATS, most


@pytest.mark.slow  # writes and computes 500 MB of weights
def test_unquantised_nothing_differs(weights, tmp_path):
    most = measured(weights, 2, tmp_path / "f32.gguf")
    assert max(most.values()) < 1e-3, most
