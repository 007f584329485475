"""Neither sharing nor the shape of a batch changes what is computed.

`sharing_probe` computes the second turn of a chat with llama.cpp's library as the worker loads it: in a sequence of its
own in the same two batches (what everything is compared with), in one batch, beside another chat that shares its
beginning, in a sequence that shares the whole first turn, and where the second turn found room before the first.
ggml's own kernels round by the shape of a batch and by the order of the cells, which quantised weights amplify to some
tenths of a nat; the kernels of engine/llama/kernels do not. Where they do not run (AMX, other processors) both may
move a log-probability by MOVES_NATS: harness/near_tie.py.
"""

import subprocess

import pytest

from harness import greedy, paths
from harness.home import Home
from harness.near_tie import MOVES_NATS, own_kernels_run

CIRCUMSTANCES = ("batch", "neighbours", "fork", "order")
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
    return {name: max(float(row[row.index(name) + 1]) for row in rows) for name in CIRCUMSTANCES}


def test_as_the_worker_computes_nothing_else_matters(weights):
    most = measured(weights, 3)
    assert most["neighbours"] < 1e-3 and most["fork"] < 1e-3, most
    for name in ("batch", "order"):
        assert most[name] < (1e-3 if own_kernels_run() else MOVES_NATS), most


@pytest.mark.slow  # writes and computes 500 MB of weights
def test_unquantised_nothing_differs(weights, tmp_path):
    most = measured(weights, 2, tmp_path / "f32.gguf")
    assert max(most.values()) < 1e-3, most
