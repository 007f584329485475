"""Writes GGUF files, version 3: enough of the format for models made by tests."""

import pathlib
import struct

import numpy

_ALIGNMENT = 32
_F32, _F16 = 0, 1


def _text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value):
    """A type number and the bytes: bool, int (u32), float (f32), str, or a list of one of them."""
    if isinstance(value, bool):
        return 7, struct.pack("<?", value)
    if isinstance(value, int):
        return 4, struct.pack("<I", value)
    if isinstance(value, float):
        return 6, struct.pack("<f", value)
    if isinstance(value, str):
        return 8, _text(value)
    kind = _value(value[0])[0]
    items = b"".join(_value(item)[1] for item in value)
    return 9, struct.pack("<IQ", kind, len(value)) + items


def write(path, metadata, tensors):
    """tensors: name → numpy array of float32 or float16, in numpy's order of dimensions."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        kind, data = _value(value)
        head += _text(key) + struct.pack("<I", kind) + data
    offset = 0
    blocks = []
    for name, array in tensors.items():
        kind = _F16 if array.dtype == numpy.float16 else _F32
        shape = array.shape[::-1]
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
        data = numpy.ascontiguousarray(array).tobytes()
        blocks.append(data + b"\0" * (-len(data) % _ALIGNMENT))
        offset += len(blocks[-1])
    with open(path, "wb") as out:
        out.write(head + b"\0" * (-len(head) % _ALIGNMENT))
        out.writelines(blocks)
    return path


def _end_of_value(data, at, kind):
    """Where a value of this type number ends."""
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    if kind in sizes:
        return at + sizes[kind]
    if kind == 8:
        return at + 8 + struct.unpack_from("<Q", data, at)[0]
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if inner in sizes:
        return at + sizes[inner] * count
    for _ in range(count):
        at = _end_of_value(data, at, inner)
    return at


def read_f32(path):
    """name → numpy array of every F32 tensor of a file that this module or the converter wrote."""
    data = path.read_bytes()
    tensors, values = struct.unpack_from("<QQ", data, 8)

    def text(at):
        length = struct.unpack_from("<Q", data, at)[0]
        return data[at + 8 : at + 8 + length].decode(), at + 8 + length

    at = 24
    for _ in range(values):
        _, at = text(at)
        at = _end_of_value(data, at + 4, struct.unpack_from("<I", data, at)[0])
    places = []
    for _ in range(tensors):
        name, at = text(at)
        rank = struct.unpack_from("<I", data, at)[0]
        shape = struct.unpack_from(f"<{rank}Q", data, at + 4)[::-1]
        kind, offset = struct.unpack_from("<IQ", data, at + 4 + 8 * rank)
        at += 16 + 8 * rank
        places.append((name, shape, kind, offset))
    start = -(-at // _ALIGNMENT) * _ALIGNMENT
    return {name: numpy.frombuffer(data, numpy.float32, int(numpy.prod(shape)), start + offset).reshape(shape)
            for name, shape, kind, offset in places if kind == _F32}


def _take_apart(source):
    """{key: bytes of its entry}, {tensor: (bytes of its entry up to the offset, bytes of its data)} of a model file."""
    data = memoryview(pathlib.Path(source).read_bytes())
    magic, version, tensors, count = struct.unpack_from("<4sIQQ", data)
    assert magic == b"GGUF" and version == 3, source

    def name_at(at):
        length = struct.unpack_from("<Q", data, at)[0]
        return bytes(data[at + 8:at + 8 + length]).decode(), at + 8 + length

    at, entries, places = 24, {}, {}
    for _ in range(count):
        begin = at
        key, at = name_at(at)
        at = _end_of_value(data, at + 4, struct.unpack_from("<I", data, at)[0])
        entries[key] = data[begin:at]
    for _ in range(tensors):
        begin = at
        name, at = name_at(at)
        at += 4 + 8 * struct.unpack_from("<I", data, at)[0] + 4
        places[name] = (data[begin:at], struct.unpack_from("<Q", data, at)[0])
        at += 8
    weights = data[at + -at % _ALIGNMENT:]
    ends = sorted(offset for _, offset in places.values())[1:] + [len(weights)]
    by_offset = dict(zip(sorted(offset for _, offset in places.values()), ends))
    return entries, {name: (entry, weights[offset:by_offset[offset]]) for name, (entry, offset) in places.items()}


def _put_together(path, entries, tensors):
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(entries)) + b"".join(entries.values())
    offset = 0
    for entry, data in tensors.values():
        head += bytes(entry) + struct.pack("<Q", offset)
        offset += len(data) + -len(data) % _ALIGNMENT
    with open(path, "wb") as out:
        out.write(head + b"\0" * (-len(head) % _ALIGNMENT))
        for _, data in tensors.values():
            out.write(data)
            out.write(b"\0" * (-len(data) % _ALIGNMENT))
    return path


def _entry(key, value):
    kind, data = _value(value)
    return _text(key) + struct.pack("<I", kind) + data


def with_metadata(source, path, key, value):
    """A copy of the model file `source` with another value under `key`, which it has; value None: without it."""
    entries, tensors = _take_apart(source)
    del entries[key]
    if value is not None:
        entries[key] = _entry(key, value)
    return _put_together(path, entries, tensors)


def first_layers(source, path, layers):
    """A copy of the model file with its first layers alone: a smaller model of the same vocabulary."""
    entries, tensors = _take_apart(source)
    key = next(key for key in entries if key.endswith(".block_count"))
    entries[key] = _entry(key, layers)
    kept = {name: parts for name, parts in tensors.items()
            if not name.startswith("blk.") or int(name.split(".")[1]) < layers}
    return _put_together(path, entries, kept)


def tokenizer_of(source):
    """Entries of a model file that are its tokenizer, for a model made by write_beside()."""
    return {key: bytes(entry) for key, entry in _take_apart(source)[0].items() if key.startswith("tokenizer.")}


def write_beside(source, path, metadata, tensors):
    """A model of these tensors with the tokenizer of the model file `source`."""
    write(path, metadata, tensors)
    entries, parts = _take_apart(path)
    return _put_together(path, {key: bytes(entry) for key, entry in entries.items()} | tokenizer_of(source), parts)
