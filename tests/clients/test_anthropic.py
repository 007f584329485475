"""The stock `anthropic` package, unchanged, against the real program."""

import anthropic
import pytest

LIGHT = {
    "type": "object",
    "properties": {"on": {"type": "boolean"}},
    "required": ["on"],
    "additionalProperties": False,
}
TOOLS = [{"name": "light", "description": "A lamp", "input_schema": LIGHT}]
HELLO = [{"role": "user", "content": "Say hello."}]
# This package has no parameter for it any more.
GREEDY = {"temperature": 0}


@pytest.fixture(scope="module")
def client(server):
    return anthropic.Anthropic(base_url=server.api.url, api_key=server.api.key, max_retries=0)


def test_a_message(client, model):
    reply = client.messages.create(
        model=model, max_tokens=8, system="Be brief.", messages=HELLO, extra_body=GREEDY
    )
    assert reply.role == "assistant" and reply.content[0].type == "text" and reply.content[0].text
    assert reply.stop_reason in ("end_turn", "max_tokens")
    assert reply.usage.output_tokens <= 8


def test_a_stream(client, model):
    with client.messages.stream(model=model, max_tokens=8, messages=HELLO, extra_body=GREEDY) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and final.content[0].text == text
    assert final.usage.output_tokens >= 1


def test_raw_events(client, model):
    events = list(client.messages.create(model=model, max_tokens=4, messages=HELLO, stream=True))
    assert events[0].type == "message_start" and events[-1].type == "message_stop"


def test_a_tool_round_trip(client, model):
    turns = [{"role": "user", "content": "Turn the light on."}]
    first = client.messages.create(
        model=model, max_tokens=80, messages=turns, tools=TOOLS, tool_choice={"type": "any"},
        extra_body=GREEDY,
    )
    assert first.stop_reason == "tool_use"
    call = next(block for block in first.content if block.type == "tool_use")
    assert call.name == "light" and isinstance(call.input["on"], bool)
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "It is on."}
    turns += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = client.messages.create(
        model=model, max_tokens=12, messages=turns, tools=TOOLS, tool_choice={"type": "none"},
        extra_body=GREEDY,
    )
    assert second.content[0].type == "text" and second.content[0].text


def test_a_streamed_tool_call(client, model):
    with client.messages.stream(
        model=model, max_tokens=80, messages=HELLO, tools=TOOLS, extra_body=GREEDY,
        tool_choice={"type": "tool", "name": "light"},
    ) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == "tool_use"
    assert isinstance(final.content[-1].input["on"], bool)


def test_count_tokens(client, model):
    count = client.messages.count_tokens(model=model, messages=HELLO)
    reply = client.messages.create(model=model, max_tokens=1, messages=HELLO)
    read = reply.usage.cache_read_input_tokens or 0
    assert count.input_tokens == reply.usage.input_tokens + read


def test_a_stop_sequence(client, model):
    reply = client.messages.create(
        model=model, max_tokens=40, messages=HELLO, stop_sequences=["e"], extra_body=GREEDY
    )
    assert (reply.stop_reason, reply.stop_sequence) == ("stop_sequence", "e")


def test_errors_are_the_right_exceptions(client, model):
    stranger = client.with_options(api_key="xc-wrong")
    with pytest.raises(anthropic.AuthenticationError):
        stranger.messages.create(model=model, max_tokens=1, messages=HELLO)
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="no-such", max_tokens=1, messages=HELLO)
    with pytest.raises(anthropic.BadRequestError) as long:
        client.messages.create(
            model=model, max_tokens=1, messages=[{"role": "user", "content": "ship " * 9000}]
        )
    assert long.value.body["error"]["type"] == "invalid_request_error"
