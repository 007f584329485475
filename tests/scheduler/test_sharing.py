"""Prefixes are shared: what is computed once is not computed again, and what is said stays the same."""

import contextlib

import pytest

from harness import greedy
from harness.near_tie import agrees
from harness.server import fresh_server, wait_until
from harness.worker import Worker

SYSTEM, OWN, NEW, OUT = 128, 24, 12, 10
# A text that a model copies on: what it says next, a draft from the prompt guesses.
REFRAIN = " ".join(f"{n}. The silver ship sails to the island of pearls and comes home by night." for n in range(1, 5))


@contextlib.contextmanager
def loaded():
    # One thread: a busy neighbour neither stalls a barrier nor changes how sums are split.
    with fresh_server(XINGCHA_THREADS="1") as running:
        greedy.whole(running.api.post("/v1/completions", greedy.request([1, 2, 3], 1)))
        yield running


@pytest.fixture(scope="module")
def server():
    with loaded() as running:
        yield running


@pytest.fixture(scope="module")
def worker(server):
    return Worker(server)


def turns_of(system, at):
    """The prompts of two turns, each asks for a quotation; the second goes on where the first ended."""
    first = greedy.quoting(system, at, OWN)
    return [first, first + system[at + 50:at + 50 + NEW]]


def alternating(worker, office="office"):
    system = greedy.tokens(SYSTEM, "system")
    chats = {"a": turns_of(system, 3), "b": turns_of(system, 30)}
    order = [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    answers = {}
    for name, turn in order:
        answers[name, turn] = worker.complete(
            greedy.request(chats[name][turn], OUT, speculation="off"), office)
    hits = {at: greedy.cached(answer) for at, answer in answers.items()}
    assert hits["a", 0] == 0
    assert hits["b", 0] == SYSTEM
    # The whole turn before, whoever spoke in between.
    assert hits["a", 1] == hits["b", 1] == SYSTEM + OWN
    return chats, answers


def test_alternating_chats_share_their_system_prompt(worker):
    alternating(worker)


def test_alternating_chats_say_what_they_say_alone():
    """At equal batches: each chat again without the other's turns between, in the same steps, each time in an empty
    cache: attention sums up in the order of the cells, and in a used cache new tokens go into holes. In one batch
    instead of two the logits of this model move further: test_batch_shape.py."""
    with loaded() as together:
        chats, answers = alternating(Worker(together))
    for name, prompts in chats.items():
        with loaded() as alone_server:
            worker = Worker(alone_server)
            if name == "b":  # who came second found the system prompt computed, in a batch with the first turn of a
                worker.complete(greedy.request(chats["a"][0], OUT, speculation="off"), "office")
            for turn, prompt in enumerate(prompts):
                alone = worker.complete(greedy.request(prompt, OUT, logprobs=2, speculation="off"), "office")
                assert greedy.cached(alone) == greedy.cached(answers[name, turn])
                assert agrees(alone["choices"][0], greedy.text_of(answers[name, turn])), (name, turn)


def test_a_live_donor_is_shared(server, worker):
    """The one who computed the prefix still speaks while another takes it."""
    prefix = greedy.tokens(SYSTEM, "live")
    with server.api.stream("/v1/completions", greedy.request(prefix, 400)) as events:
        next(events)
        other = greedy.whole(server.api.post("/v1/completions", greedy.request(prefix + [77], 2)))
        assert greedy.cached(other) == SYSTEM
        # The counters are published after the step that ended the other one.
        wait_until(lambda: worker.stats()["running"] == 1, "the first one still speaks, alone")
    worker.settled()


def asked(worker, prompt, tenant, **more):
    return worker.complete(greedy.request(prompt, 32, logprobs=2, **more), tenant)


def refrain(api):
    body = {"model": greedy.paths.MODEL, "content": REFRAIN + " 5."}
    return api.post("/tokenize", body).json()["tokens"]


@pytest.mark.slow  # guesses change the shape of a batch: a near tie may fall the other way
def test_speculation_does_not_change_the_text(server, worker):
    prompt = refrain(server.api)
    plain = asked(worker, prompt, "plain", speculation="off")
    fast = asked(worker, prompt, "fast", speculation="auto")
    assert agrees(plain["choices"][0], greedy.text_of(fast))
    assert fast["usage"]["completion_tokens"] == plain["usage"]["completion_tokens"] == 32


@pytest.mark.slow
def test_a_refrain_is_drafted(server, worker):
    """Slow, since the governor goes by the clock: beside other work it may rightly decide against drafts.
    `off` drafts nothing, `auto` has drafts accepted, and fewer steps make the same tokens."""
    prompt = refrain(server.api)
    accepted, steps = {}, {}
    for choice in ("off", "auto"):
        before = worker.settled()
        asked(worker, prompt, f"drafts {choice}", speculation=choice)
        after = worker.settled()
        accepted[choice] = after["accepted_tokens"] - before["accepted_tokens"]
        steps[choice] = after["steps"] - before["steps"]
    assert accepted["off"] == 0 and accepted["auto"] > 0
    assert steps["auto"] < steps["off"]


def test_speculation_is_auto_or_off(server):
    reply = server.api.post("/v1/completions", greedy.request([1, 2, 3], 1, speculation="fast"))
    assert reply.status == 400 and reply.json()["error"]["param"] == "speculation", reply
