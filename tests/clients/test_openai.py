"""The stock `openai` package, unchanged, against the real program."""

import json
from typing import Literal

import openai
import pydantic
import pytest

LIGHT = {
    "type": "object",
    "properties": {"on": {"type": "boolean"}},
    "required": ["on"],
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "function": {"name": "light", "description": "A lamp", "parameters": LIGHT}}
]
HELLO = [{"role": "user", "content": "Say hello."}]


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server.api.url}/v1", api_key=server.api.key, max_retries=0)


def test_models_list(client, model):
    assert [m.id for m in client.models.list()] == [model]
    assert client.models.retrieve(model).owned_by == "xingcha"


def test_chat(client, model):
    reply = client.chat.completions.create(
        model=model, messages=HELLO, max_tokens=8, temperature=0, seed=1
    )
    assert reply.object == "chat.completion" and reply.model == model
    assert reply.choices[0].message.content
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_a_stream_says_what_a_whole_answer_says(client, model):
    ask = dict(model=model, messages=HELLO, max_tokens=8, temperature=0)
    client.chat.completions.create(**ask)  # the prompt is cached for both that follow
    whole = client.chat.completions.create(**ask)
    chunks = list(
        client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True})
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason


def test_a_stream_that_is_left(client, model):
    with client.chat.completions.create(
        model=model, messages=HELLO, max_tokens=200, stream=True
    ) as stream:
        next(iter(stream))
    assert client.chat.completions.create(model=model, messages=HELLO, max_tokens=1).choices


def test_a_tool_round_trip(client, model):
    messages = [{"role": "user", "content": "Turn the light on, please."}]
    first = client.chat.completions.create(
        model=model, messages=messages, tools=TOOLS, tool_choice="required", temperature=0,
        max_tokens=80,
    )
    assert first.choices[0].finish_reason == "tool_calls"
    call = first.choices[0].message.tool_calls[0]
    assert call.function.name == "light"
    assert isinstance(json.loads(call.function.arguments)["on"], bool)
    messages += [
        first.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": "The light is on now."},
    ]
    second = client.chat.completions.create(
        model=model, messages=messages, tools=TOOLS, tool_choice="none", temperature=0, max_tokens=12
    )
    assert second.choices[0].message.content and not second.choices[0].message.tool_calls


def test_a_streamed_tool_call(client, model):
    stream = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Light on."}], tools=TOOLS,
        tool_choice={"type": "function", "function": {"name": "light"}}, temperature=0,
        max_tokens=80, stream=True,
    )
    names, arguments, finish = [], "", None
    for chunk in stream:
        for call in chunk.choices[0].delta.tool_calls or []:
            names += [call.function.name] if call.function.name else []
            arguments += call.function.arguments or "" if call.index == 0 else ""
        finish = chunk.choices[0].finish_reason or finish
    assert names[0] == "light" and finish == "tool_calls"
    assert isinstance(json.loads(arguments)["on"], bool)


class City(pydantic.BaseModel):
    name: Literal["Paris", "Rome"]
    capital: bool


def test_parse_into_a_pydantic_model(client, model):
    reply = client.chat.completions.parse(
        model=model, messages=[{"role": "user", "content": "Paris?"}], response_format=City,
        temperature=0, max_tokens=60,
    )
    assert isinstance(reply.choices[0].message.parsed, City)


def test_a_json_schema(client, model):
    schema = {"name": "lamp", "strict": True, "schema": LIGHT}
    reply = client.chat.completions.create(
        model=model, messages=HELLO, temperature=0, max_tokens=40,
        response_format={"type": "json_schema", "json_schema": schema},
    )
    assert set(json.loads(reply.choices[0].message.content)) == {"on"}


def test_completions(client, model):
    reply = client.completions.create(
        model=model, prompt="The capital of France is", max_tokens=2, temperature=0, logprobs=1
    )
    assert "Paris" in reply.choices[0].text
    assert len(reply.choices[0].logprobs.tokens) == 2


def test_embeddings(client, model):
    # Without an encoding_format the package asks for base64 and decodes it itself.
    one = client.embeddings.create(model=model, input="hello").data[0].embedding
    floats = client.embeddings.create(model=model, input="hello", encoding_format="float")
    assert len(one) == 576
    assert one == pytest.approx(floats.data[0].embedding, abs=1e-6)
    assert sum(x * x for x in one) == pytest.approx(1, abs=1e-3)
    many = client.embeddings.create(model=model, input=["hello", "goodbye"], dimensions=16)
    assert [len(row.embedding) for row in many.data] == [16, 16]


def test_responses(client, model):
    reply = client.responses.create(model=model, input="Say hello.", max_output_tokens=8, store=False)
    assert reply.output_text and reply.usage.output_tokens <= 8


def test_a_responses_stream(client, model):
    events = list(
        client.responses.create(model=model, input="Say hello.", max_output_tokens=8, stream=True)
    )
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert text and events[-1].response.output_text == text
    assert events[0].type == "response.created"
    assert [e.sequence_number for e in events] == list(range(len(events)))


def test_a_responses_tool_round_trip(client, model):
    tools = [{"type": "function", "name": "light", "parameters": LIGHT, "strict": True}]
    turns = [{"role": "user", "content": "Turn the light on."}]
    first = client.responses.create(
        model=model, input=turns, tools=tools, tool_choice="required", temperature=0,
        max_output_tokens=80,
    )
    call = next(item for item in first.output if item.type == "function_call")
    assert isinstance(json.loads(call.arguments)["on"], bool)
    turns += first.output
    turns.append({"type": "function_call_output", "call_id": call.call_id, "output": "It is on."})
    second = client.responses.create(
        model=model, input=turns, tools=tools, tool_choice="none", temperature=0,
        max_output_tokens=12,
    )
    assert second.output_text


def test_a_parsed_response(client, model):
    reply = client.responses.parse(
        model=model, input="Paris?", text_format=City, temperature=0, max_output_tokens=60
    )
    assert isinstance(reply.output_parsed, City)


def test_errors_are_the_right_exceptions(client, server, model):
    stranger = client.with_options(api_key="xc-wrong")
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="no-such", messages=HELLO)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model=model, messages=HELLO, max_tokens=-1)
    assert wrong.value.param == "max_tokens"
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "ship " * 9000}]
        )
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_1")


def test_async(server, model):
    import asyncio

    async def ask():
        async with openai.AsyncOpenAI(
            base_url=f"{server.api.url}/v1", api_key=server.api.key
        ) as client:
            asked = [
                client.chat.completions.create(model=model, messages=HELLO, max_tokens=4)
                for _ in range(4)
            ]
            return await asyncio.gather(*asked)

    assert all(reply.choices[0].message.content for reply in asyncio.run(ask()))
