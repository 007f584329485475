"""Writes .safetensors files and shards with their index, by hand, in the vendors' layout."""

import json
import struct

import numpy

_NAMES = {"float32": "F32", "float16": "F16", "uint16": "BF16", "uint8": "F8_E4M3", "int32": "I32"}


def bf16(array):
    """float32 → the upper 16 bits, to nearest even, as uint16 (numpy has no bfloat16)."""
    bits = array.astype(numpy.float32).view(numpy.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(numpy.uint16)


def from_bf16(bits):
    return (bits.astype(numpy.uint32) << 16).view(numpy.float32)


def e4m3_values():
    """The value of each of the 256 codes, from the definition: S EEEE MMM, bias 7, no infinities."""
    values = numpy.zeros(256, numpy.float32)
    for code in range(256):
        sign = -1.0 if code & 0x80 else 1.0
        exponent, mantissa = (code >> 3) & 15, code & 7
        if exponent == 15 and mantissa == 7:
            values[code] = numpy.nan
        elif exponent == 0:
            values[code] = sign * mantissa / 8 * 2.0**-6
        else:
            values[code] = sign * (1 + mantissa / 8) * 2.0 ** (exponent - 7)
    return values


def e4m3_blocks(array, block=128):
    """Quantises to codes and one inverse scale a block; returns (codes, scale_inv, what they stand for)."""
    values = e4m3_values()
    order = numpy.argsort(numpy.where(numpy.isnan(values), numpy.inf, values), kind="stable")[:254]
    sorted_values = values[order]
    rows, columns = array.shape
    codes = numpy.zeros(array.shape, numpy.uint8)
    scales = numpy.zeros((-(-rows // block), -(-columns // block)), numpy.float32)
    back = numpy.zeros(array.shape, numpy.float32)
    for r in range(scales.shape[0]):
        for c in range(scales.shape[1]):
            part = (slice(r * block, (r + 1) * block), slice(c * block, (c + 1) * block))
            scale = numpy.float32(max(numpy.abs(array[part]).max(), 1e-12) / 448)
            wanted = array[part] / scale
            at = numpy.clip(numpy.searchsorted(sorted_values, wanted), 1, 253)
            at -= wanted - sorted_values[at - 1] < sorted_values[at] - wanted
            codes[part] = order[at]
            scales[r, c] = scale
            back[part] = sorted_values[at] * scale
    return codes, scales, back


def write(path, tensors):
    """name → array; uint16 arrays are BF16 bits, uint8 arrays are F8_E4M3 codes."""
    header, offset, blocks = {"__metadata__": {"format": "pt"}}, 0, []
    for name, array in tensors.items():
        data = numpy.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": _NAMES[array.dtype.name], "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
        blocks.append(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blocks))


def write_shards(folder, tensors, shards):
    names = list(tensors)
    places = {}
    for number in range(shards):
        file = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        mine = names[number::shards]
        write(folder / file, {name: tensors[name] for name in mine})
        places.update({name: file for name in mine})
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": places}))
