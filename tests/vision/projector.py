"""A tiny image projector with random weights, and pictures for it.

The file is what llama.cpp's mtmd reads: architecture "clip", projector "mlp" as LLaVA has it. A picture becomes PATCHES
tokens of WIDTH_TEXT numbers. What it says of a picture is noise, the same noise for the same seed.
"""

import base64
import math
import struct
import zlib

import numpy

from harness import gguf_file

SIDE, PATCH, WIDTH, HEADS, LAYERS, FEED = 32, 16, 64, 4, 2, 128
PATCHES = (SIDE // PATCH) ** 2
WIDTH_TEXT = 576  # of the text model's embeddings

METADATA = {
    "general.architecture": "clip",
    "general.name": "tiny random projector",
    "clip.has_vision_encoder": True,
    "clip.projector_type": "mlp",
    "clip.use_gelu": True,
    "clip.vision.image_size": SIDE,
    "clip.vision.patch_size": PATCH,
    "clip.vision.embedding_length": WIDTH,
    "clip.vision.feed_forward_length": FEED,
    "clip.vision.block_count": LAYERS,
    "clip.vision.projection_dim": WIDTH_TEXT,
    "clip.vision.attention.head_count": HEADS,
    "clip.vision.attention.layer_norm_epsilon": 1e-5,
    "clip.vision.image_mean": [0.5, 0.5, 0.5],
    "clip.vision.image_std": [0.5, 0.5, 0.5],
}


def _shapes(width_text):
    """Name and shape of every tensor in numpy's order: rows of outputs, columns of inputs."""
    yield "v.patch_embd.weight", (WIDTH, 3, PATCH, PATCH)
    yield "v.position_embd.weight", (PATCHES, WIDTH)
    for layer in range(LAYERS):
        at = f"v.blk.{layer}."
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            yield f"{at}{name}.weight", (WIDTH, WIDTH)
        for name in ("ln1", "ln2"):
            yield f"{at}{name}.weight", (WIDTH,)
            yield f"{at}{name}.bias", (WIDTH,)
        yield f"{at}ffn_up.weight", (FEED, WIDTH)
        yield f"{at}ffn_down.weight", (WIDTH, FEED)
    yield "mm.0.weight", (WIDTH, WIDTH)
    yield "mm.0.bias", (WIDTH,)
    yield "mm.2.weight", (width_text, WIDTH)
    yield "mm.2.bias", (width_text,)


def _tensor(name, shape, source):
    if ".ln" in name and name.endswith(".weight"):
        return numpy.ones(shape, numpy.float32)
    spread = 0.02 if len(shape) == 1 else 1.5 / math.sqrt(math.prod(shape[1:]))
    return source.normal(0, spread, shape).astype(numpy.float32)


def write_projector(path, seed=20260101, width_text=WIDTH_TEXT):
    source = numpy.random.default_rng(seed)
    tensors = {name: _tensor(name, shape, source) for name, shape in _shapes(width_text)}
    return gguf_file.write(path, METADATA, tensors)


def png(width, height, colour_of):
    """The bytes of an RGB picture; colour_of(x, y) gives three numbers up to 255."""

    def chunk(kind, body):
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    rows = b"".join(
        b"\0" + bytes(v for x in range(width) for v in colour_of(x, y)) for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def data_url(data, media_type="image/png"):
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
