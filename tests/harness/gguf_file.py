"""Writes GGUF files, version 3: enough of the format for models made by tests."""

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


def read_f32(path):
    """name → numpy array of every F32 tensor of a file that this module or the converter wrote."""
    data = path.read_bytes()
    at = 24
    tensors, values = struct.unpack_from("<QQ", data, 8)

    def text():
        nonlocal at
        length = struct.unpack_from("<Q", data, at)[0]
        at += 8 + length
        return data[at - length : at].decode()

    def skip(kind):
        nonlocal at
        if kind == 8:
            text()
        elif kind == 9:
            item, count = struct.unpack_from("<IQ", data, at)
            at += 12
            for _ in range(count):
                skip(item)
        else:
            at += {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}[kind]

    for _ in range(values):
        text()
        at += 4
        skip(struct.unpack_from("<I", data, at - 4)[0])
    places = []
    for _ in range(tensors):
        name = text()
        rank = struct.unpack_from("<I", data, at)[0]
        shape = struct.unpack_from(f"<{rank}Q", data, at + 4)[::-1]
        kind, offset = struct.unpack_from("<IQ", data, at + 4 + 8 * rank)
        at += 16 + 8 * rank
        places.append((name, shape, kind, offset))
    start = -(-at // _ALIGNMENT) * _ALIGNMENT
    return {name: numpy.frombuffer(data, numpy.float32, int(numpy.prod(shape)), start + offset).reshape(shape)
            for name, shape, kind, offset in places if kind == _F32}
