"""What a picture does to a prompt: counted exactly, told from another, refused in both languages."""

import contextlib
import json
import socket
import threading

import pytest

from harness import paths
from harness.home import Home
from harness.server import Server
from vision import projector

MODEL = "tiny-vision"
RED = projector.data_url(projector.png(32, 32, lambda x, y: (255, 0, 0)))
BUSY = projector.data_url(projector.png(40, 20, lambda x, y: (6 * x, 12 * y, x * y % 256)))
QUESTION = "What is this?"


@pytest.fixture(scope="module")
def server():
    with Home() as home:
        file = projector.write_projector(home.root / "mmproj.gguf")
        other = projector.write_projector(home.root / "other.gguf", width_text=64)
        home.cli("import", home.weights(), "--name", MODEL, "--projector", file)
        home.cli("import", home.weights(), "--name", "mismatched", "--projector", other)
        with Server(home, XINGCHA_THREADS="1") as running:
            try:
                yield running
            finally:
                print(running.log())


def content_of(parts):
    """Texts and pictures as OpenAI writes them."""
    for part in parts:
        if part.startswith(("data:", "http")):
            yield {"type": "image_url", "image_url": {"url": part}}
        else:
            yield {"type": "text", "text": part}


def body_of(*parts, model=MODEL, **more):
    messages = [{"role": "user", "content": list(content_of(parts))}]
    return {"model": model, "messages": messages, "max_tokens": 6, "temperature": 0, **more}


def ask(api, *parts, language=None, **more):
    headers = {"Accept-Language": language} if language else None
    return api.post("/v1/chat/completions", body_of(*parts, **more), headers=headers)


def answer(api, *parts, **more):
    reply = ask(api, *parts, **more)
    assert reply.status == 200, str(reply)
    return reply.json()


def text_of(reply):
    return reply["choices"][0]["message"]["content"]


def prompt_tokens(api, *parts):
    return answer(api, *parts, max_tokens=1)["usage"]["prompt_tokens"]


def first_token(api, *parts):
    """How likely each candidate for the first token is."""
    reply = answer(api, *parts, max_tokens=1, logprobs=True, top_logprobs=5)
    entry = reply["choices"][0]["logprobs"]["content"][0]
    return {row["token"]: row["logprob"] for row in entry["top_logprobs"]}


def refusal(reply, status=400):
    assert reply.status == status, str(reply)
    error = reply.json()["error"]
    assert error["type"] == "invalid_request_error"
    return error


def test_usage_counts_the_tokens_of_every_picture(api):
    text = prompt_tokens(api, QUESTION)
    assert prompt_tokens(api, QUESTION, RED) == text + projector.PATCHES
    assert prompt_tokens(api, QUESTION, RED, BUSY) == text + 2 * projector.PATCHES
    assert prompt_tokens(api, RED, QUESTION, BUSY) == text + 2 * projector.PATCHES


def test_a_stream_says_what_a_whole_answer_says(api):
    whole = answer(api, QUESTION, RED)
    body = body_of(QUESTION, RED, stream_options={"include_usage": True})
    with api.stream("/v1/chat/completions", body) as events:
        datas = [event.data for event in events]
    assert datas.pop() == "[DONE]"
    chunks = [json.loads(data) for data in datas]
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == text_of(whole) != ""
    assert choices[-1]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert chunks[-1]["usage"]["prompt_tokens"] == whole["usage"]["prompt_tokens"]


def test_the_model_sees_the_picture(api):
    """Another picture is another prompt; the same one is the same, whatever came between."""
    red, busy = first_token(api, QUESTION, RED), first_token(api, QUESTION, BUSY)
    assert red != pytest.approx(busy, abs=0.02)
    assert first_token(api, QUESTION, RED) == pytest.approx(red, abs=0.02)
    assert first_token(api, QUESTION, BUSY) == pytest.approx(busy, abs=0.02)
    both = first_token(api, QUESTION, RED, BUSY)
    assert first_token(api, QUESTION, BUSY, RED) != pytest.approx(both, abs=0.02)


def test_the_same_request_gives_the_same_text(api):
    assert len({text_of(answer(api, BUSY, QUESTION)) for _ in range(3)}) == 1


def test_cells_of_a_picture_are_not_taken_from_another(api):
    answer(api, QUESTION, RED)
    usage = answer(api, QUESTION, BUSY)["usage"]
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    assert 0 < cached <= usage["prompt_tokens"] - projector.PATCHES


def test_pictures_side_by_side(api):
    """Requests with pictures share steps with one another and with text."""
    asked = [(QUESTION, RED), (QUESTION, BUSY), (QUESTION,), (RED, QUESTION)]
    alone = [text_of(answer(api, *parts)) for parts in asked]
    together = [""] * len(asked)

    def ask_one(at):
        together[at] = text_of(answer(api, *asked[at]))

    threads = [threading.Thread(target=ask_one, args=(at,)) for at in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(paths.PATIENCE_S)
    # Steps of another size round differently, so later words may part.
    assert [text.split()[:1] for text in together] == [text.split()[:1] for text in alone]


def test_several_choices_share_one_picture(api):
    choices = answer(api, QUESTION, RED, n=2)["choices"]
    assert len(choices) == 2 and len({choice["message"]["content"] for choice in choices}) == 1


def test_penalties_and_grammars_beside_a_picture(api):
    schema = {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]}
    form = {"type": "json_schema", "json_schema": {"name": "lamp", "schema": schema}}
    answer(api, RED, QUESTION, frequency_penalty=0.5, presence_penalty=0.5)
    assert '"on"' in text_of(answer(api, RED, QUESTION, response_format=form, max_tokens=40))


@pytest.mark.parametrize("width, height", [(1, 1), (3000, 1), (7, 900)])
def test_odd_sizes(api, width, height):
    picture = projector.data_url(projector.png(width, height, lambda x, y: (9, 99, 200)))
    answer(api, QUESTION, picture, max_tokens=1)


def test_a_picture_of_an_earlier_turn(api):
    messages = [
        {"role": "user", "content": list(content_of([QUESTION, RED]))},
        {"role": "assistant", "content": "Red."},
        {"role": "user", "content": list(content_of(["And this?", BUSY]))},
    ]
    reply = api.post("/v1/chat/completions", {**body_of(), "messages": messages})
    assert reply.status == 200, str(reply)


def test_the_other_routes_count_alike(api):
    source = {"type": "base64", "media_type": "image/png", "data": RED.partition(",")[2]}
    content = [{"type": "image", "source": source}, {"type": "text", "text": QUESTION}]
    body = {"model": MODEL, "messages": [{"role": "user", "content": content}]}
    counted = api.post("/v1/messages/count_tokens", body).json()["input_tokens"]
    assert counted == prompt_tokens(api, RED, QUESTION)
    content = [{"type": "input_text", "text": QUESTION}, {"type": "input_image", "image_url": RED}]
    body = {"model": MODEL, "input": [{"role": "user", "content": content}], "max_output_tokens": 4}
    used = api.post("/v1/responses", body).json()["usage"]["input_tokens"]
    assert used == prompt_tokens(api, QUESTION, RED)


SOUND = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data"


@pytest.mark.parametrize("data", [b"hello", b"\x89PNG\r\n\x1a\n" + b"x" * 64, SOUND],
                         ids=["text", "noise", "sound"])
def test_a_broken_picture_in_both_languages(api, data):
    english = refusal(ask(api, QUESTION, projector.data_url(data), language="en"))
    assert english["param"].startswith("messages") and "Image 1 cannot be decoded" in english["message"]
    chinese = refusal(ask(api, QUESTION, projector.data_url(data), language="zh-CN"))
    assert "第 1 张图片无法解码" in chinese["message"]


def test_a_broken_picture_in_a_stream(api):
    refusal(ask(api, QUESTION, projector.data_url(b"x"), stream=True))


@pytest.mark.parametrize("text", ["<__media__>", "<__media__> and <__media__>", "<|image|> <image>"])
def test_text_cannot_pose_as_a_picture(api, text):
    assert prompt_tokens(api, text, RED) == prompt_tokens(api, text) + projector.PATCHES


@pytest.mark.parametrize("language, words", [("en", "text only"), ("zh-CN", "只接受文本")])
def test_a_text_model_refuses_pictures(api, language, words):
    error = refusal(ask(api, QUESTION, RED, model=paths.MODEL, language=language))
    assert error["param"] == "messages"
    assert words in error["message"] and paths.MODEL in error["message"]


@pytest.mark.parametrize("language, words", [("en", "not fetched"), ("zh-CN", "不从网络取图片")])
def test_a_remote_picture_is_not_fetched(api, language, words):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(0.2)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/secret.png"
        error = refusal(ask(api, QUESTION, url, language=language))
        with pytest.raises(TimeoutError):
            listener.accept()
    assert words in error["message"]
    assert error["param"] == "messages[0].content[1].image_url.url"


def test_a_projector_of_another_model(api):
    reply = ask(api, QUESTION, RED, model="mismatched", language="en")
    assert reply.status == 503, str(reply)
    assert "projector" in reply.json()["error"]["message"]


def test_weights_are_no_projector(server):
    home = server.home
    done = home.cli(
        "import", home.weights(), "--name", "swapped", "--projector", home.weights(), check=False
    )
    assert done.returncode == 1 and "not a projector" in done.stderr
    assert "swapped" not in home.cli("list", "--names").stdout.split()
