"""Thoughts within a budget, and turns that the caller began, with the small model under a template that opens thoughts as
R1's does: <think>, whatever the request says. The model has no tag of that kind in its vocabulary, so the text that ends
thoughts is several tokens; what it thinks is chatter, which is all that is asked of it here.
"""

import concurrent.futures
import contextlib
import json

import anthropic
import pytest

from harness import gguf_file, paths
from harness.home import Home
from harness.server import Server
from harness.worker import Worker

NAME = "thinker"
TEMPLATE = (
    "{%- for m in messages %}{%- set content = m.content %}"
    "{%- if '</think>' in content %}{%- set content = content.split('</think>')[-1] %}{%- endif %}"
    "{{- '<|im_start|>' + m.role + '\n' + content + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n<think>\n' }}{%- endif %}"
)
QUESTION = "Tell me a long story about a lighthouse and the sea."
# One thread and no sharing with others: equal requests take equal steps, so that greedy answers are equal to the bit.
ALIKE = {"XINGCHA_THREADS": "1", "XINGCHA_CONTEXT": "640"}


@contextlib.contextmanager
def thinker(**settings):
    with Home() as home:
        file = gguf_file.with_metadata(home.weights(), home.root / "thinker.gguf", "tokenizer.chat_template", TEMPLATE)
        home.cli("import", file, "--name", NAME)
        with Server(home, **{**ALIKE, **settings}) as running:
            yield running


@pytest.fixture(scope="module")
def server():
    with thinker() as running:
        yield running


def chat(text=QUESTION, **more):
    return {"model": NAME, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 48,
            "ignore_eos": True, **more}


def asked(server, body):
    reply = server.api.post("/v1/chat/completions", body)
    assert reply.status == 200, reply
    return reply.json()


def message(answer, index=0):
    return answer["choices"][index]["message"]


def streamed(server, body):
    """By choice: reasoning and content; and the usage."""
    said, usage = {}, None
    with server.api.stream("/v1/chat/completions", {**body, "stream_options": {"include_usage": True}}) as events:
        for event in events:
            if event.data == "[DONE]":
                break
            chunk = event.json()
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                one = said.setdefault(choice["index"], {"reasoning_content": "", "content": ""})
                for key in one:
                    one[key] += choice["delta"].get(key) or ""
                if one["content"]:
                    assert not choice["delta"].get("reasoning_content")
    return said, usage


@pytest.fixture(scope="module")
def unlimited(server):
    """All thought: this model never closes what was opened for it."""
    told = asked(server, chat())
    assert message(told)["reasoning_content"] and not message(told)["content"]
    assert told["usage"]["completion_tokens_details"]["reasoning_tokens"] == 48
    return message(told)["reasoning_content"]


@pytest.mark.parametrize("field", [
    {"thinking_budget": 12}, {"thinking_token_budget": 12}, {"reasoning_budget_tokens": 12},
    {"thinking": {"type": "enabled", "budget_tokens": 12}}, {"chat_template_kwargs": {"thinking_budget": 12}},
])
def test_thoughts_end_with_their_budget_and_the_answer_goes_on(server, unlimited, field):
    told = asked(server, chat(**field))
    assert unlimited.startswith(message(told)["reasoning_content"])
    assert message(told)["content"].strip()
    assert "think>" not in message(told)["content"] + message(told)["reasoning_content"]
    spent = told["usage"]["completion_tokens_details"]["reasoning_tokens"]
    assert 12 <= spent < 24  # and the tag that ends them, in this vocabulary several tokens
    assert told["usage"]["completion_tokens"] == 48


def test_a_larger_budget_is_a_longer_beginning_of_the_same_thoughts(server, unlimited):
    thoughts = [message(asked(server, chat(thinking_budget=budget)))["reasoning_content"] for budget in (3, 6, 12, 20)]
    for shorter, longer in zip(thoughts, thoughts[1:]):
        assert len(shorter) < len(longer) and longer.startswith(shorter)
    assert unlimited.startswith(thoughts[-1])


def test_a_budget_that_is_not_used_up_changes_nothing(server, unlimited):
    assert message(asked(server, chat(thinking_budget=4_000)))["reasoning_content"] == unlimited


@pytest.mark.parametrize("field", [
    {"thinking_budget": 0}, {"reasoning_effort": "none"}, {"enable_thinking": False}, {"thinking": {"type": "disabled"}},
])
def test_no_thoughts(server, field):
    told = asked(server, chat(**field))
    assert message(told).get("reasoning_content") in (None, "")
    assert message(told)["content"].strip()
    assert told["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0
    # The same prompt; the text behind it may part at a near tie, as between any two batch shapes.
    again = asked(server, chat(thinking_budget=0))
    assert told["usage"]["prompt_tokens"] == again["usage"]["prompt_tokens"]
    assert message(told)["content"][:12] == message(again)["content"][:12]


def test_an_effort_is_a_budget_where_the_template_knows_none(server, unlimited):
    assert message(asked(server, chat(reasoning_effort="high")))["reasoning_content"] == unlimited
    low = asked(server, chat(reasoning_effort="minimal", max_tokens=180))  # 128 tokens
    assert message(low)["content"] and message(low)["reasoning_content"].startswith(unlimited)


def test_streams_say_the_same(server):
    whole = message(asked(server, chat(thinking_budget=12)))
    said, usage = streamed(server, chat(thinking_budget=12))
    assert said == {0: {key: whole[key] for key in ("reasoning_content", "content")}}
    assert 12 <= usage["completion_tokens_details"]["reasoning_tokens"] < 24


def test_every_choice_has_its_own_budget(server):
    body = chat(thinking_budget=10, n=4, temperature=1, seed=7)
    said, usage = streamed(server, body)
    assert sorted(said) == [0, 1, 2, 3]
    assert len({one["reasoning_content"] for one in said.values()}) > 1
    for one in said.values():
        assert one["reasoning_content"] and one["content"].strip()
    assert 40 <= usage["completion_tokens_details"]["reasoning_tokens"] < 96


def test_guesses_do_not_pass_over_the_end_of_thoughts(server):
    """The question repeats itself, so that the engine guesses many tokens a step."""
    text = "Repeat: " + "red, green, blue, " * 12
    for budget in (3, 8, 21):
        guessed = asked(server, chat(text, thinking_budget=budget, max_tokens=120))
        plain = asked(server, chat(text, thinking_budget=budget, max_tokens=120, speculation="off"))
        assert message(guessed) == message(plain)
        assert message(guessed)["content"] and message(guessed)["reasoning_content"]
    stats = Worker(server).stats()
    assert stats["accepted_tokens"] > 0


def test_a_sampler_chain_ends_thoughts_too(server):
    told = asked(server, chat(thinking_budget=12, temperature=0.8, top_p=0.9, repetition_penalty=1.1, seed=3))
    assert message(told)["reasoning_content"] and message(told)["content"].strip()


def test_an_answer_in_a_schema_behind_limited_thoughts(server):
    schema = {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"],
              "additionalProperties": False}
    for budget in (0, 6):
        told = asked(server, chat(thinking_budget=budget, ignore_eos=False, max_tokens=80,
                                  response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}))
        assert isinstance(json.loads(message(told)["content"])["on"], bool), told


def test_anthropic(server):
    client = anthropic.Anthropic(base_url=server.api.url, api_key=server.api.key, max_retries=0)
    ask = {"model": NAME, "max_tokens": 48, "messages": [{"role": "user", "content": QUESTION}],
           "extra_body": {"temperature": 0}}
    reply = client.messages.create(thinking={"type": "enabled", "budget_tokens": 12}, **ask)
    assert [block.type for block in reply.content] == ["thinking", "text"]
    assert reply.content[0].thinking and reply.content[1].text
    with client.messages.stream(thinking={"type": "enabled", "budget_tokens": 12}, **ask) as stream:
        final = stream.get_final_message()
    assert [block.model_dump(exclude={"signature"}) for block in final.content] == [
        block.model_dump(exclude={"signature"}) for block in reply.content]
    quiet = client.messages.create(thinking={"type": "disabled"}, **ask)
    assert [block.type for block in quiet.content] == ["text"]


def test_a_turn_that_the_caller_began_goes_on(server):
    """The plain model: the same prompt by hand says the same."""
    begun = "Once upon a time, in a lighthouse"
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION},
             {"role": "assistant", "content": begun}]
    reply = asked(server, {"model": paths.MODEL, "messages": turns, "temperature": 0, "max_tokens": 24})
    by_hand = (f"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n{QUESTION}<|im_end|>\n"
               f"<|im_start|>assistant\n{begun}")
    raw = server.api.post("/v1/completions", {"model": paths.MODEL, "prompt": by_hand, "temperature": 0, "max_tokens": 24})
    assert raw.status == 200, raw
    assert reply["usage"]["prompt_tokens"] == raw.json()["usage"]["prompt_tokens"]
    assert message(reply)["content"] == raw.json()["choices"][0]["text"]


def test_a_begun_answer_of_a_thinking_model_is_no_thought(server):
    turns = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "Once upon a time"}]
    told = asked(server, {**chat(), "messages": turns})
    assert message(told)["content"] and not message(told).get("reasoning_content")


def test_a_worker_that_is_replaced_knows_what_was_spent(server):
    """The rest of the budget goes over: an answer that was handed over within its thoughts and one within the closing tag
    end as the undisturbed one does. The worker that goes on computes the same text as one batch, which may let a near tie
    fall the other way; where thoughts end does not depend on that."""
    whole = asked(server, chat(thinking_budget=16, max_tokens=64))
    spent = whole["usage"]["completion_tokens_details"]["reasoning_tokens"]
    for after in (4, 12):
        chunks = []
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            body = chat(thinking_budget=16, max_tokens=64, stream_options={"include_usage": True})
            with server.api.stream("/v1/chat/completions", body) as events:
                restarted = None
                for event in events:
                    if event.data == "[DONE]":
                        break
                    chunks.append(event.json())
                    assert "error" not in chunks[-1], chunks[-1]
                    if len(chunks) == after:
                        restarted = pool.submit(server.home.cli, "restart", NAME)
            restarted.result()
        usage = chunks[-1]["usage"]
        assert usage["completion_tokens"] == 64
        assert abs(usage["completion_tokens_details"]["reasoning_tokens"] - spent) <= 2
        content = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
        assert content.strip() and "think>" not in content


def test_what_gives_way_in_a_small_cache_keeps_its_budget():
    """Preempted in the middle of thoughts or of the answer: the budget belongs to the sequence."""
    with thinker(XINGCHA_CELLS="800", XINGCHA_SPECULATION="off") as small:
        bodies = [chat(f"{number}. {QUESTION}", thinking_budget=300, max_tokens=480) for number in range(3)]
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda body: asked(small, body), bodies))
        counters = Worker(small).settled()
        assert counters["preemptions"] > 0 and counters["requests_failed"] == 0
        for answer in answers:
            assert 300 <= answer["usage"]["completion_tokens_details"]["reasoning_tokens"] < 312
            assert answer["usage"]["completion_tokens"] == 480
            assert message(answer)["content"].strip()
