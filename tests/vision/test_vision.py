"""Images through a tiny random projector: the way of an image is proven, not what is seen in it."""

import base64
import struct
import zlib

import numpy
import pytest

from harness import gguf_file, paths
from harness.home import Home
from harness.server import Server

SEEING = "seeing"
WIDTH, LAYERS, FEED, IMAGE, PATCH, TEXT_WIDTH = 32, 2, 64, 28, 14, 576
IMAGE_TOKENS = (IMAGE // PATCH) ** 2


def write_projector(path):
    """LLaVA's form: a vision transformer of two layers and two linear maps into the text model."""
    random = numpy.random.default_rng(7)

    def weights(*shape, kind=numpy.float16):
        return (random.standard_normal(shape) * 0.05).astype(kind)

    def vector(size, value=0.0):
        return numpy.full(size, value, numpy.float32)

    metadata = {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "general.name": "a random projector",
        "clip.projector_type": "mlp",
        "clip.has_vision_encoder": True,
        "clip.use_gelu": True,
        "clip.vision.image_size": IMAGE,
        "clip.vision.patch_size": PATCH,
        "clip.vision.embedding_length": WIDTH,
        "clip.vision.feed_forward_length": FEED,
        "clip.vision.block_count": LAYERS,
        "clip.vision.attention.head_count": 2,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.projection_dim": TEXT_WIDTH,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }
    tensors = {
        "v.patch_embd.weight": weights(WIDTH, 3, PATCH, PATCH),
        "v.position_embd.weight": weights(IMAGE_TOKENS, WIDTH, kind=numpy.float32),
        "mm.0.weight": weights(TEXT_WIDTH, WIDTH),
        "mm.0.bias": vector(TEXT_WIDTH),
        "mm.2.weight": weights(TEXT_WIDTH, TEXT_WIDTH),
        "mm.2.bias": vector(TEXT_WIDTH),
    }
    for i in range(LAYERS):
        block = f"v.blk.{i}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensors[f"{block}.{name}.weight"] = weights(WIDTH, WIDTH)
            tensors[f"{block}.{name}.bias"] = vector(WIDTH)
        for name in ("ln1", "ln2"):
            tensors[f"{block}.{name}.weight"] = vector(WIDTH, 1.0)
            tensors[f"{block}.{name}.bias"] = vector(WIDTH)
        tensors[f"{block}.ffn_up.weight"] = weights(FEED, WIDTH)
        tensors[f"{block}.ffn_up.bias"] = vector(FEED)
        tensors[f"{block}.ffn_down.weight"] = weights(WIDTH, FEED)
        tensors[f"{block}.ffn_down.bias"] = vector(WIDTH)
    return gguf_file.write(path, metadata, tensors)


def png(width, height, colour):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = (b"\0" + bytes(colour) * width) * height
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def data_url(data, kind="image/png"):
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def ask(api, *images, model=SEEING, **more):
    parts = [{"type": "text", "text": "What is it?"}]
    parts += [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in images]
    body = {"model": model, "messages": [{"role": "user", "content": parts}], "max_tokens": 4,
            "temperature": 0}
    return api.post("/v1/chat/completions", {**body, **more}, headers={"Accept-Language": "en"})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    projector = write_projector(tmp_path_factory.mktemp("projector") / "mmproj.gguf")
    with Home() as home:
        home.cli("import", home.weights(), "--name", SEEING, "--projector", projector)
        with Server(home).start() as running:
            yield running
            print(running.log())


RED, BLUE = png(40, 30, (255, 0, 0)), png(64, 64, (0, 0, 255))


def test_an_image_is_answered_and_counted(api):
    plain = ask(api).json()["usage"]["prompt_tokens"]
    reply = ask(api, RED)
    assert reply.status == 200, reply
    assert isinstance(reply.json()["choices"][0]["message"]["content"], str)
    more = reply.json()["usage"]["prompt_tokens"] - plain
    # The image's own tokens, and what the template puts around it.
    assert IMAGE_TOKENS <= more <= IMAGE_TOKENS + 8


def test_two_images(api):
    one = ask(api, RED).json()["usage"]["prompt_tokens"]
    two = ask(api, RED, BLUE)
    assert two.status == 200
    assert two.json()["usage"]["prompt_tokens"] - one >= IMAGE_TOKENS


def test_another_image_is_another_prompt(api):
    """The cache must not take one image for another behind the same words."""
    for image in (RED, BLUE):
        first = ask(api, image, logprobs=True).json()["choices"][0]
        again = ask(api, image, logprobs=True).json()["choices"][0]
        assert first["message"] == again["message"]


def test_a_stream_with_an_image(api):
    reply = ask(api, RED, stream=True)
    assert reply.status == 200 and reply.events()[-1].data == "[DONE]"


def test_an_image_on_the_anthropic_route(api):
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(RED).decode()}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    body = {"model": SEEING, "max_tokens": 4, "messages": [{"role": "user", "content": content}]}
    reply = api.post("/v1/messages", body)
    assert reply.status == 200 and reply.json()["usage"]["input_tokens"] >= IMAGE_TOKENS


def test_an_image_on_the_responses_route(api):
    content = [{"type": "input_image", "image_url": data_url(RED)},
               {"type": "input_text", "text": "What is it?"}]
    body = {"model": SEEING, "max_output_tokens": 4, "input": [{"role": "user", "content": content}]}
    assert api.post("/v1/responses", body).status == 200


@pytest.mark.parametrize(
    "bad",
    [RED[:40], b"no image at all", RED.replace(b"IDAT", b"XXXX"),
     # 60,000 × 60,000 pixels in a few bytes.
     png(1, 1, (0, 0, 0)).replace(struct.pack(">II", 1, 1), struct.pack(">II", 60000, 60000))],
    ids=["cut", "text", "no data", "bomb"],
)
def test_a_broken_image(server, api, bad):
    reply = ask(api, bad)
    assert reply.status == 400, reply
    error = reply.json()["error"]
    assert "cannot be decoded" in error["message"] and error["type"] == "invalid_request_error"
    assert ask(api, RED).status == 200  # the worker lives
    assert api.worker(SEEING)["restarts"] == 0


def test_a_second_image_that_is_broken_is_named(api):
    assert "Image 2" in ask(api, RED, b"no image").json()["error"]["message"]


def test_too_many_images(api):
    assert ask(api, *[RED] * 17).status == 400


def test_a_model_without_a_projector_says_so(api):
    reply = ask(api, RED, model=paths.MODEL)
    assert reply.status == 400 and "text only" in reply.json()["error"]["message"]


def test_the_model_says_that_it_sees(api):
    about = api.get(f"/v1/models/{SEEING}").json()["xingcha"]
    assert "vision" in about["capabilities"]
    assert "vision" not in api.get(f"/v1/models/{paths.MODEL}").json()["xingcha"]["capabilities"]


def test_a_projector_alone_is_no_model(server, tmp_path):
    path = write_projector(tmp_path / "alone.gguf")
    done = server.home.cli("import", path, "--name", "alone", check=False)
    assert done.returncode == 1 and "projector" in done.stderr
