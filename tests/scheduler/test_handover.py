"""A worker that is restarted while it answers: its clients see a pause, and the answer of an undisturbed run.

What was decoded token by token is computed again as one batch. With our kernels that changes nothing; with ggml's it
shifts the logits of all that follows, so an answer may part from the undisturbed one where the model hesitates. At equal
batch shape nothing differs anywhere, which the first test shows: the answer that goes on is to the bit that of a request
whose prompt ends with what was said.
"""

import concurrent.futures
import json
import os
import signal

import openai
import pytest

from harness import greedy, paths
from harness.near_tie import margin, own_kernels_run, parting
from harness.server import fresh_server, wait_until
from harness.worker import Worker

OUT = 160
# Between the two best tokens; the logits of this small model shift by up to 0.2 with ggml's kernels.
HESITATES_NATS = 0 if own_kernels_run() else 0.3
LIGHT = {
    "type": "object",
    "properties": {"on": {"const": True}, "rooms": {"type": "array", "items": {"const": "kitchen"}, "minItems": 12,
                                                    "maxItems": 12}},
    "required": ["on", "rooms"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": "light", "description": "A lamp", "parameters": LIGHT}}]


@pytest.fixture(scope="module")
def server():
    with fresh_server(XINGCHA_THREADS="1") as running:
        greedy.whole(running.api.post("/v1/completions", greedy.request([1, 2, 3], 1)))
        yield running


def chat(text, **more):
    return {"model": paths.MODEL, "messages": [{"role": "user", "content": text}], "max_tokens": OUT, "temperature": 0,
            "stream_options": {"include_usage": True}, **more}


def restart(server):
    """By the command line; the old process is gone and the new one is ready."""
    before = server.api.worker()["pid"]
    done = server.home.cli("restart", paths.MODEL)
    assert paths.MODEL in done.stdout
    now = server.api.worker()
    assert now["pid"] != before and now["state"] == "ready" and now["restarts"] == 0


def streamed(server, path, body, restart_after=()):
    """Every chunk of the stream; the worker is restarted when so many have come."""
    chunks = []
    with concurrent.futures.ThreadPoolExecutor(1) as pool, server.api.stream(path, body) as events:
        restarts = []
        for event in events:
            assert event.name == "", event
            if event.data == "[DONE]":
                break
            chunks.append(event.json())
            assert "error" not in chunks[-1], chunks[-1]
            if len(chunks) in restart_after:
                restarts.append(pool.submit(restart, server))
        for done in restarts:
            done.result()
        assert len(restarts) == len(restart_after)
    return chunks


def said(chunks):
    """By choice: what was said and how it ended; and the usage without what the cache served."""
    choices = {}
    usage = None
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            one = choices.setdefault(choice["index"], {"text": "", "calls": [], "roles": 0, "finish": None})
            delta = choice.get("delta", {})
            one["text"] += choice.get("text") or delta.get("content") or ""
            one["roles"] += "role" in delta
            one["finish"] = choice["finish_reason"] or one["finish"]
            for call in delta.get("tool_calls") or []:
                if len(one["calls"]) <= call["index"]:
                    assert call["id"]
                    one["calls"].append({"name": call["function"]["name"], "arguments": ""})
                one["calls"][call["index"]]["arguments"] += call["function"].get("arguments") or ""
    return choices, (usage["prompt_tokens"], usage["completion_tokens"])


def well_formed(chunks):
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert len({chunk["created"] for chunk in chunks}) == 1
    assert sum(bool(chunk.get("usage")) for chunk in chunks) == 1


def with_logprobs(chunks, index):
    """A choice of a stream with logprobs as near_tie takes it."""
    tops, offsets, text = [], [], ""
    for choice in (choice for chunk in chunks for choice in chunk["choices"] if choice["index"] == index):
        told = choice.get("logprobs") or {}
        for entry in told.get("content") or []:
            offsets.append(len(text))
            text += entry["token"]
            tops.append({top["token"]: top["logprob"] for top in entry["top_logprobs"]})
        for token, top in zip(told.get("tokens") or [], told.get("top_logprobs") or []):
            offsets.append(len(text))
            text += token
            tops.append(top)
    return {"text": text, "logprobs": {"tokens": offsets, "text_offset": offsets, "top_logprobs": tops}}


def hesitates(alone, text):
    """The margin at the place where `text` parts from it; None: nowhere."""
    at = parting(alone, text)
    if at is None:
        return None
    return min(margin(top) for top in alone["logprobs"]["top_logprobs"][max(0, at - 1):at + 1])


def agrees_with_undisturbed(server, path, body, restart_after=(10, 60)):
    """The second undisturbed run counts: its prompt is as cached as that of the disturbed one."""
    more = {"logprobs": True, "top_logprobs": 2} if "messages" in body else {"logprobs": 2}
    streamed(server, path, body)
    whole = streamed(server, path, {**body, **more})
    disturbed = streamed(server, path, body, restart_after)
    well_formed(disturbed)
    choices, usage = said(disturbed)
    expected, expected_usage = said(whole)
    assert choices.keys() == expected.keys()
    for index, choice in choices.items():
        assert choice["finish"] and choice["roles"] == expected[index]["roles"]
        if choice["text"] != expected[index]["text"]:
            assert hesitates(with_logprobs(whole, index), choice["text"]) < HESITATES_NATS, choice["text"]
    if choices == expected:
        assert usage == expected_usage
    assert usage[0] == expected_usage[0]
    return choices, usage


def told(event):
    (choice,) = event.json()["choices"]
    return choice["text"], (choice["logprobs"] or {}).get("top_logprobs")


@pytest.mark.slow
def test_the_state_goes_on_to_the_bit(server):
    """By hand, without the gateway: what the worker leaves, and what the next one makes of it."""
    prompt = greedy.tokens(60, "by hand")
    body = {**greedy.request(prompt, 100, logprobs=2), "stream": True}
    events = []
    for event in Worker(server).stream("/v1/completions", body, "first"):
        events.append(event)
        if len(events) == 30:
            Worker(server).hand_over()
    assert events[-1].name == "handover" and all(not event.name for event in events[:-1])
    left = events[-1].json()["parts"][0]["choices"][0]
    assert left["generated"] == len(left["tokens"]) == len(events) - 1 and not left["finished"]
    restart(server)
    rest = list(Worker(server).stream("/v1/completions", body, "second", resume=events[-1].data))
    restart(server)  # an empty cache again: where cells lie decides last bits too
    longer = {**body, "prompt": prompt + left["tokens"], "max_tokens": 100 - left["generated"]}
    alone = list(Worker(server).stream("/v1/completions", longer, "third"))
    assert rest[-1].data == alone[-1].data == "[DONE]"
    assert [told(event) for event in rest[:-1]] == [told(event) for event in alone[:-1]]


def test_a_chat_goes_on(server):
    before = server.api.metric("xingcha_handovers_total")
    _, usage = agrees_with_undisturbed(server, "/v1/chat/completions", chat("Tell a story of a ship.", ignore_eos=True))
    assert usage[1] == OUT
    assert server.api.metric("xingcha_handovers_total") == before + 2


@pytest.mark.slow
def test_a_completion_goes_on(server):
    body = greedy.request(greedy.circle(600, "hand over"), OUT, stream_options={"include_usage": True})
    choices, usage = agrees_with_undisturbed(server, "/v1/completions", body)
    assert usage == (600, OUT) and choices[0]["finish"] == "length"


@pytest.mark.slow
def test_what_was_cached_is_not_computed_again(server):
    """Of 600 tokens and what was said two chunks are on disk."""
    body = greedy.request(greedy.circle(600, "kept"), OUT, stream_options={"include_usage": True})
    streamed(server, "/v1/completions", body, (40,))
    stats = Worker(server).settled()
    assert stats["cached_disk_tokens"] + stats["cached_ram_tokens"] >= 512
    assert stats["prompt_tokens_computed"] <= 600 + OUT - 512


def test_choices_go_on_together(server):
    body = chat("Tell a story.", n=2, ignore_eos=True)
    choices, usage = agrees_with_undisturbed(server, "/v1/chat/completions", body, (20, 90))
    assert len(choices) == 2 and usage[1] == 2 * OUT


@pytest.mark.slow
def test_several_prompts_go_on(server):
    prompts = [greedy.circle(60, "several", i) for i in range(3)]
    body = greedy.request(prompts, 60, stream_options={"include_usage": True})
    choices, usage = agrees_with_undisturbed(server, "/v1/completions", body, (30,))
    assert len(choices) == 3 and usage == (180, 180)


@pytest.mark.slow
def test_one_choice_ended_before(server):
    """A stop string ends some answers early; what they said counts."""
    body = greedy.request([greedy.circle(60, "early", 1), greedy.circle(60, "early", 2)], 80,
                          stream_options={"include_usage": True})
    first = said(streamed(server, "/v1/completions", body))[0][0]["text"]
    words = [word for word in first.split() if len(word) > 3]
    assert words, first
    agrees_with_undisturbed(server, "/v1/completions", {**body, "stop": [words[0]]}, (25,))


@pytest.mark.slow
def test_a_tool_call_goes_on(server):
    """This model's calls leave when they are whole: the restart comes before the first chunk of one."""
    body = chat("Turn the light on in all rooms.", tools=TOOLS, tool_choice="required", max_tokens=300)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        before = Worker(server).stats()["tokens_generated"]
        later = pool.submit(streamed, server, "/v1/chat/completions", body)
        wait_until(lambda: Worker(server).stats()["tokens_generated"] > before + 20, "it calls")
        restart(server)
        (choice,) = said(later.result())[0].values()
    assert choice["finish"] == "tool_calls" and choice["roles"] == 1 and len(choice["calls"]) == 1
    assert json.loads(choice["calls"][0]["arguments"]) == {"on": True, "rooms": ["kitchen"] * 12}


@pytest.mark.slow
def test_a_format_goes_on(server):
    """The grammar has seen what was said."""
    schema = {"type": "json_schema", "json_schema": {"name": "light", "schema": LIGHT}}
    body = chat("Which rooms are lit?", response_format=schema)
    chunks = streamed(server, "/v1/chat/completions", body, (12,))
    choices, _ = said(chunks)
    assert json.loads(choices[0]["text"]) == {"on": True, "rooms": ["kitchen"] * 12}


@pytest.mark.slow
def test_sampled_answers_go_on(server):
    body = chat("Tell a story.", temperature=1.0, seed=7, max_tokens=60, ignore_eos=True)
    choices, usage = said(streamed(server, "/v1/chat/completions", body, (10,)))
    assert usage[1] == 60 and choices[0]["finish"] == "length"


@pytest.mark.slow
def test_a_whole_answer_goes_on(server):
    body = greedy.request(greedy.circle(100, "whole"), OUT)
    greedy.whole(server.api.post("/v1/completions", body))
    alone = greedy.whole(server.api.post("/v1/completions", {**body, "logprobs": 2}))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        later = pool.submit(server.api.post, "/v1/completions", body)
        wait_until(lambda: Worker(server).stats()["running"] == 1, "it runs")
        restart(server)
        disturbed = greedy.whole(later.result())
    margin_there = hesitates(alone["choices"][0], greedy.text_of(disturbed))
    assert margin_there is None or margin_there < HESITATES_NATS
    assert disturbed["usage"]["completion_tokens"] == alone["usage"]["completion_tokens"]


@pytest.mark.slow
def test_many_at_once(server):
    """Sixteen streams, more than run at once in a step of their own: each ends as it should, none with an error."""
    bodies = [greedy.request(greedy.tokens(50, "many", i), 60, stream_options={"include_usage": True}) for i in range(16)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        streams = [pool.submit(streamed, server, "/v1/completions", body) for body in bodies]
        wait_until(lambda: Worker(server).stats()["running"] >= 8, "they run")
        restart(server)
        for stream in streams:
            choices, usage = said(stream.result())
            assert usage == (50, 60) and choices[0]["finish"] == "length"
    after = Worker(server).settled()
    assert after["running"] == 0 and after["queued"] == 0


def test_the_stock_client_sees_nothing(server):
    client = openai.OpenAI(base_url=f"{server.api.url}/v1", api_key=server.api.key, max_retries=0)
    ask = dict(model=paths.MODEL, messages=[{"role": "user", "content": "Tell a long story."}], max_tokens=OUT,
               temperature=0, stream=True, stream_options={"include_usage": True})
    chunks = []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for chunk in client.chat.completions.create(**ask):
            chunks.append(chunk)
            if len(chunks) == 15:
                restarted = pool.submit(restart, server)
        restarted.result()
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-2].choices[0].finish_reason in ("stop", "length")
    assert chunks[-1].usage.completion_tokens > 15
    assert chunks[0].choices[0].delta.role == "assistant"
    assert not any(chunk.choices[0].delta.role for chunk in chunks[1:-1])


@pytest.mark.slow
def test_sigterm_hands_over_what_outlives_the_drain():
    """From outside, which no part of the program asked for: the worker waits half a minute for its answers, then leaves
    the one that is not done to the next worker. On a server of its own, since the fleet counts it as a death."""
    with fresh_server(XINGCHA_THREADS="1") as server:
        body = greedy.request(greedy.circle(60, "sigterm"), 8000)
        numbers = []  # of chunks when the worker was told, and when another one was asked
        with server.api.stream("/v1/completions", body) as events:
            pid = None
            for count, event in enumerate(events):
                assert event.name == "" and "error" not in event.json(), event
                if count == 10:
                    pid = server.api.worker()["pid"]
                    os.kill(pid, signal.SIGTERM)
                if count % 50 == 49 and len(numbers) == 0 and server.api.metric("xingcha_handovers_total") == 1:
                    numbers.append(count)
                if numbers and count == numbers[0] + 100:
                    break
            else:
                raise AssertionError("the answer was done before it could be handed over")
        assert numbers[0] > 100 and server.api.worker()["pid"] != pid


@pytest.mark.slow
def test_vectors_asked_during_a_restart_are_answered(server):
    body = {"model": paths.MODEL, "input": ["one", "two"]}
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        restarted = pool.submit(restart, server)
        replies = [pool.submit(server.api.post, "/v1/embeddings", body) for _ in range(12)]
        assert {reply.result().status for reply in replies} == {200}
        restarted.result()


def test_restart_while_idle(server):
    Worker(server).settled()
    restart(server)
    assert greedy.whole(server.api.post("/v1/completions", greedy.request([1, 2, 3], 1)))


def test_restart_of_what_does_not_run(server):
    server.home.cli("stop", paths.MODEL)
    done = server.home.cli("restart", paths.MODEL, check=False)
    assert done.returncode != 0 and paths.MODEL in done.stderr
    greedy.whole(server.api.post("/v1/completions", greedy.request([1, 2, 3], 1)))


def test_a_client_that_leaves_in_the_pause(server):
    body = greedy.request(greedy.tokens(20, "leaves"), 2000)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with server.api.stream("/v1/completions", body) as events:
            next(iter(events))
            restarted = pool.submit(restart, server)
            wait_until(lambda: server.api.worker()["state"] != "ready", "the pause")
        restarted.result()
    wait_until(lambda: server.api.worker()["in_flight"] == 0, "nothing is leased")
    after = Worker(server).settled()
    assert after["running"] == 0
