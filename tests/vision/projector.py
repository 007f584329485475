"""A tiny image projector with random weights, and pictures for it. Only the standard library.

The file is GGUF as llama.cpp's mtmd reads it (architecture "clip", projector "mlp", as LLaVA has it). A picture becomes
PATCHES tokens of WIDTH_TEXT numbers. What it says of a picture is noise, the same noise for the same seed.
"""

import array
import base64
import random
import struct
import zlib

SIDE, PATCH, WIDTH, HEADS, LAYERS, FEED = 32, 16, 64, 4, 2, 128
PATCHES = (SIDE // PATCH) ** 2
WIDTH_TEXT = 576  # of the text model's embeddings

_U32, _F32, _BOOL, _STRING, _ARRAY = 4, 6, 7, 8, 9  # GGUF's types of values
_ALIGNED = 32


def _text(text):
    return struct.pack("<Q", len(text)) + text.encode()


def _value(value):
    """Type and bytes of one metadata value."""
    if isinstance(value, bool):
        return struct.pack("<I?", _BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", _U32, value)
    if isinstance(value, float):
        return struct.pack("<If", _F32, value)
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _text(value)
    return struct.pack(f"<IIQ{len(value)}f", _ARRAY, _F32, len(value), *value)


def _metadata():
    return {
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
    """Name and shape of every tensor, the fastest dimension first."""
    yield "v.patch_embd.weight", (PATCH, PATCH, 3, WIDTH)
    yield "v.position_embd.weight", (WIDTH, PATCHES)
    for layer in range(LAYERS):
        at = f"v.blk.{layer}."
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            yield f"{at}{name}.weight", (WIDTH, WIDTH)
        for name in ("ln1", "ln2"):
            yield f"{at}{name}.weight", (WIDTH,)
            yield f"{at}{name}.bias", (WIDTH,)
        yield f"{at}ffn_up.weight", (WIDTH, FEED)
        yield f"{at}ffn_down.weight", (FEED, WIDTH)
    yield "mm.0.weight", (WIDTH, WIDTH)
    yield "mm.0.bias", (WIDTH,)
    yield "mm.2.weight", (WIDTH, width_text)
    yield "mm.2.bias", (width_text,)


def _numbers(name, shape, source):
    count = 1
    for side in shape:
        count *= side
    if ".ln" in name and name.endswith(".weight"):
        return array.array("f", [1.0] * count)
    spread = 0.02 if len(shape) == 1 else 1.5 / (count // shape[-1]) ** 0.5
    return array.array("f", (source.gauss(0, spread) for _ in range(count)))


def write_projector(path, seed=20260101, width_text=WIDTH_TEXT):
    source = random.Random(seed)
    metadata, shapes = _metadata(), list(_shapes(width_text))
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), len(metadata))
    for key, value in metadata.items():
        head += _text(key) + _value(value)
    data = b""
    for name, shape in shapes:
        data += b"\0" * (-len(data) % _ALIGNED)
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += _numbers(name, shape, source).tobytes()
    path.write_bytes(head + b"\0" * (-len(head) % _ALIGNED) + data)
    return path


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
