"""Writes tokenizer files: a SentencePiece model as protocol-buffer bytes, a byte-level tokenizer.json."""

import json
import struct

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
QWEN2_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                 r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def _varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _field(number, payload):
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _number(number, value):
    return _varint(number << 3) + _varint(value)


def pieces_for(vocabulary):
    """TeleChat2's shape: unk, control and role markers, 256 bytes, user-defined digits, words that merge."""
    pieces = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("<_end>", 0.0, USER), ("<_pad>", 0.0, USER),
              ("<_user>", 0.0, USER), ("<_bot>", 0.0, USER), ("<_system>", 0.0, USER)]
    pieces += [(f"<0x{b:02X}>", 0.0, BYTE) for b in range(256)]
    pieces += [(c, 0.0, USER) for c in "0123456789\n"]
    letters = "▁abcdehlo你好中国"
    pieces += [(c, -100.0 - i, NORMAL) for i, c in enumerate(letters)]
    words = ["he", "ll", "llo", "hello", "▁hello", "▁he", "你好", "▁你", "▁你好", "中国", "ab", "abc", "▁a"]
    pieces += [(w, -float(i + 1), NORMAL) for i, w in enumerate(words)]
    assert len(pieces) <= vocabulary
    return pieces


def sentencepiece_model(pieces):
    out = b""
    for text, score, kind in pieces:
        out += _field(1, _field(1, text.encode()) + struct.pack("<Bf", 2 << 3 | 5, score) + _number(3, kind))
    trainer = _number(3, 2) + _number(35, 1) + _number(40, 0) + _number(41, 1) + _number(42, 2)
    normalizer = _field(1, b"identity") + _number(3, 1) + _number(4, 0)
    return out + _field(2, trainer) + _field(3, normalizer)


def byte_letters():
    """GPT-2's printable stand-in for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, extra = {}, 0
    for byte in range(256):
        if byte in plain:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(256 + extra)
            extra += 1
    return [letters[b] for b in range(256)]


def tokenizer_json():
    letters = byte_letters()
    vocab = {letter: i for i, letter in enumerate(letters)}
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o")]
    for left, right in merges:
        vocab[left + right] = len(vocab)
    special = len(vocab)
    return json.dumps({
        "added_tokens": [{"id": special, "content": "<|end|>", "special": True}],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": QWEN2_PATTERN}, "behavior": "Isolated"},
            {"type": "ByteLevel", "use_regex": False}]},
        "model": {"type": "BPE", "vocab": vocab, "merges": [" ".join(m) for m in merges]}})
