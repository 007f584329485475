"""The stock `ollama` package, unchanged, against the real program."""

import base64
import datetime
import json

import ollama
import pytest

HELLO = [{"role": "user", "content": "Say hello."}]
SHORT = {"num_predict": 8, "temperature": 0}
PIXEL = base64.b64encode(
    base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
).decode()
LIGHT = {
    "type": "object",
    "properties": {"on": {"type": "boolean"}},
    "required": ["on"],
    "additionalProperties": False,
}


def switch(on: bool) -> str:
    """Turn the lamp on or off.

    Args:
      on: whether it shall shine
    """
    return f"on={on}"


@pytest.fixture(scope="module")
def client(server):
    return ollama.Client(server.api.url, headers={"Authorization": f"Bearer {server.api.key}"})


def stranger(server, key):
    return ollama.Client(server.api.url, headers={"Authorization": f"Bearer {key}"})


def test_a_chat(client, model):
    reply = client.chat(model=model, messages=HELLO, options=SHORT)
    assert reply.message.role == "assistant" and reply.message.content
    assert reply.model == model and reply.done and reply.done_reason in ("stop", "length")
    assert 1 <= reply.eval_count <= 8 and reply.prompt_eval_count > 1
    assert reply.total_duration >= reply.eval_duration > 0
    assert reply.total_duration >= reply.load_duration >= 0
    datetime.datetime.fromisoformat(reply.created_at)


def test_a_stream_says_what_the_whole_answer_says(client, model):
    whole = client.chat(model=model, messages=HELLO, options=SHORT)
    parts = list(client.chat(model=model, messages=HELLO, options=SHORT, stream=True))
    assert "".join(p.message.content for p in parts) == whole.message.content
    assert [p.done for p in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].eval_count == whole.eval_count and len(parts) > 2


def test_num_predict_and_stop(client, model):
    story = [{"role": "user", "content": "Tell a long story."}]
    cut = client.chat(model=model, messages=story, options={"num_predict": 3})
    assert (cut.done_reason, cut.eval_count) == ("length", 3)
    ended = client.chat(
        model=model, messages=HELLO, options={"num_predict": 60, "temperature": 0, "stop": ["e"]}
    )
    assert ended.done_reason == "stop" and "e" not in ended.message.content


def test_a_seed_repeats(client, model):
    hot = {"num_predict": 12, "temperature": 1.5, "seed": 7, "top_k": 50, "top_p": 0.95}
    # The second and third: both have the prompt from the cache.
    texts = [client.chat(model=model, messages=HELLO, options=hot).message.content for _ in range(3)]
    assert texts[1] == texts[2]


def test_generate(client, model):
    reply = client.generate(model=model, prompt="Say hello.", system="Be brief.", options=SHORT)
    assert reply.response and reply.done
    parts = list(client.generate(model=model, prompt="Say hello.", options=SHORT, stream=True))
    assert "".join(p.response for p in parts) and parts[-1].done


def test_generate_raw(client, model):
    reply = client.generate(model=model, prompt="one two three", raw=True, options=SHORT)
    assert reply.response and 1 <= reply.eval_count <= 8
    templated = client.generate(model=model, prompt="one two three", options=SHORT)
    assert reply.prompt_eval_count < templated.prompt_eval_count


def test_formats(client, model):
    options = {"num_predict": 100, "temperature": 0}
    chat = client.chat(model=model, messages=HELLO, format=LIGHT, options=options)
    assert isinstance(json.loads(chat.message.content)["on"], bool)
    loose = client.generate(model=model, prompt="Give an object.", format="json", options=options)
    if loose.done_reason == "stop":
        json.loads(loose.response)


def test_logprobs(client, model):
    reply = client.chat(model=model, messages=HELLO, options=SHORT, logprobs=True, top_logprobs=2)
    assert len(reply.logprobs) == reply.eval_count or reply.done_reason == "stop"
    assert all(entry.logprob <= 0 and len(entry.top_logprobs) == 2 for entry in reply.logprobs)


def test_the_result_of_a_tool_is_read(client, model):
    call = {"function": {"name": "switch", "arguments": {"on": True}}}
    turns = [
        {"role": "user", "content": "Turn the light on."},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_name": "switch", "content": "on=True"},
    ]
    reply = client.chat(model=model, messages=turns, tools=[switch], options=SHORT)
    assert reply.message.role == "assistant" and reply.done


def test_a_tool_call(client, server, model):
    """Ollama's shape has no tool_choice; ours is taken beside it, so that a weak model calls."""
    body = {
        "model": model, "messages": [{"role": "user", "content": "Turn the light on."}],
        "options": {"num_predict": 80, "temperature": 0}, "tool_choice": "required",
        "tools": [{"type": "function", "function": {"name": "light", "parameters": LIGHT}}],
    }
    lines = [
        ollama.ChatResponse(**json.loads(line))
        for line in server.api.request("POST", "/api/chat", body).body.splitlines()
    ]
    calls = [call for line in lines for call in line.message.tool_calls or []]
    assert calls[0].function.name == "light" and isinstance(calls[0].function.arguments["on"], bool)
    assert lines[-1].done and lines[-1].done_reason in ("stop", "length")


def test_pictures_reach_the_model_and_addresses_do_not(client, model):
    with pytest.raises(ollama.ResponseError) as blind:  # the small model has no eyes
        client.chat(model=model, messages=[{"role": "user", "content": "?", "images": [PIXEL]}])
    assert blind.value.status_code == 400 and model in blind.value.error
    with pytest.raises(ollama.ResponseError) as remote:
        client._request(ollama.ChatResponse, "POST", "/api/chat", json={
            "model": model, "messages": [{"role": "user", "content": "?", "images": ["http://127.0.0.1:1/a"]}]})
    assert remote.value.status_code == 400 and "data:" in remote.value.error


def test_vectors(client, model):
    one = client.embed(model=model, input="a")
    two = client.embed(model=model, input=["a", "b"])
    assert len(one.embeddings) == 1 and len(two.embeddings) == 2
    assert len(two.embeddings[1]) == len(one.embeddings[0]) > 8
    assert one.prompt_eval_count >= 1 and one.total_duration > 0
    assert len(client.embeddings(model=model, prompt="a").embedding) == len(one.embeddings[0])


def test_models(client, model):
    listed = {m.model: m for m in client.list().models}
    assert listed[model].size > 1_000_000 and len(listed[model].digest) == 64
    assert listed[model].details.format == "gguf" and listed[model].details.quantization_level
    shown = client.show(model)
    assert {"completion"} <= set(shown.capabilities)
    family = shown.details.family
    assert shown.modelinfo["general.architecture"] == family
    assert shown.modelinfo[f"{family}.context_length"] > 100
    client.chat(model=f"{model}:latest", messages=HELLO, options={"num_predict": 1})


def test_a_model_by_its_id(client, server, model):
    """Names of 32 hex digits, as other clouds have them."""
    listed = {row["id"]: row for row in server.api.get("/v1/models").json()["data"]}
    service_id = listed[model]["xingcha"]["service_id"]
    assert len(service_id) == 32
    assert client.chat(model=service_id, messages=HELLO, options={"num_predict": 1}).eval_count == 1
    with pytest.raises(ollama.ResponseError):
        client.chat(model="0" * 32, messages=HELLO)


def test_load_list_and_unload(client, server, model):
    assert client.chat(model=model).done_reason == "load"
    assert client.generate(model=model, keep_alive="5m").done_reason == "load"
    running = {m.model: m for m in client.ps().models}
    assert running[model].context_length > 100
    assert client.generate(model=model, keep_alive=0).done_reason == "unload"
    assert model not in [m.model for m in client.ps().models]
    made = json.loads(server.home.cli("key", "create", "plain", "--json").stdout)
    with pytest.raises(ollama.ResponseError) as refused:
        stranger(server, made["key"]).generate(model=model, keep_alive=0)
    assert refused.value.status_code == 403


def test_a_key_sees_its_models_only(client, server, model):
    made = json.loads(
        server.home.cli("key", "create", "narrow", "--models", "other-*", "--json").stdout
    )
    narrow = stranger(server, made["key"])
    assert narrow.list().models == [] and narrow.ps().models == []
    for ask in (
        lambda name: narrow.chat(model=name, messages=HELLO),
        lambda name: narrow.generate(model=name, prompt="a"),
        lambda name: narrow.embed(model=name, input="a"),
        lambda name: narrow.show(name),
    ):
        errors = []
        for name in (model, "not-there"):
            with pytest.raises(ollama.ResponseError) as refused:
                ask(name)
            errors.append((refused.value.status_code, refused.value.error.replace(name, "X")))
        assert errors[0] == errors[1] and errors[0][0] == 403


def test_errors(client, server, model):
    with pytest.raises(ollama.ResponseError) as no_key:
        stranger(server, "xc-wrong").chat(model=model, messages=HELLO)
    assert no_key.value.status_code == 401 and no_key.value.error
    for stream in (False, True):
        with pytest.raises(ollama.ResponseError) as no_model:
            list(client.chat(model="no-such", messages=HELLO, stream=stream))
        assert no_model.value.status_code == 404
    with pytest.raises(ollama.ResponseError) as long:
        client.chat(model=model, messages=[{"role": "user", "content": "ship " * 9000}])
    assert long.value.status_code == 400
