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


SPECIALS = ("<_end>", "<_pad>", "<_user>", "<_bot>", "<_system>", "<_control7>", "<_control8>", "<tool_call>",
            "</tool_call>", "<tool_response>", "</tool_response>")  # TeleChat2's, from id 2
KEPT_WHOLE = (*"0123456789", "\n", "\t", "_", "__", "___", "____")


def trained_pieces(corpus, merges):
    """What SentencePiece's BPE trainer would make of a corpus, in TeleChat2's layout: specials by id, 256 bytes, pieces
    kept whole, then the most frequent pair merged, again and again, and at last the single characters."""
    pieces = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL)]
    pieces += [(text, 0.0, USER) for text in SPECIALS]
    pieces += [(f"<0x{b:02X}>", 0.0, BYTE) for b in range(256)]
    pieces += [(text, 0.0, USER) for text in KEPT_WHOLE]
    words = []
    for sentence in corpus:
        word = []
        for letter in "▁" + sentence.replace(" ", "▁"):
            if letter in KEPT_WHOLE or (letter == "▁" and word):
                words.append(word)  # pieces begin with a blank or have none
                word = []
            if letter not in KEPT_WHOLE:
                word.append(letter)
        words.append(word)
    letters = sorted({letter for word in words for letter in word})
    for rank in range(merges):
        counts = {}
        for word in words:
            for pair in zip(word, word[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], pair))
        pieces.append(("".join(best), -float(rank), NORMAL))
        for word in words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == best:
                    word[i : i + 2] = ["".join(best)]
                i += 1
    first = -float(merges)
    texts = {text for text, _, _ in pieces}
    pieces += [(letter, first - i, NORMAL) for i, letter in enumerate(letters) if letter not in texts]
    assert len({text for text, _, _ in pieces}) == len(pieces)
    return pieces


def sentencepiece_ids(pieces, segment):
    """SentencePiece's BPE by its definition: user-defined pieces are cut out first, the longest first; then the
    best-scored neighbours merge until none is a piece; what is no piece becomes bytes. No extra blanks are removed,
    one is put in front."""
    if not segment:
        return []
    scores = {text: score for text, score, kind in pieces if kind == NORMAL}
    ids = {text: i for i, (text, _, _) in enumerate(pieces)}
    whole = sorted((text for text, _, kind in pieces if kind == USER), key=len, reverse=True)
    parts, frozen, text = [], [], "▁" + segment.replace(" ", "▁")
    while text:
        part = next((w for w in whole if text.startswith(w)), text[0])
        parts.append(part)
        frozen.append(part in whole)
        text = text[len(part) :]
    while True:
        best = None
        for i in range(len(parts) - 1):
            score = None if frozen[i] or frozen[i + 1] else scores.get(parts[i] + parts[i + 1])
            if score is not None and (best is None or score > best[0]):
                best = score, i
        if best is None:
            break
        i = best[1]
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
        del frozen[i]
    out = []
    for part in parts:
        out += [ids[part]] if part in ids else [ids[f"<0x{b:02X}>"] for b in part.encode()]
    return out


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
