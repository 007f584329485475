"""SentencePiece models of the TeleChat kind: a trained synthetic one, and the released one when the operator has it.

The ids that llama.cpp computes from the converted file are compared with SentencePiece's definition, and what they say
with the text.
"""

import os
import random
from pathlib import Path

import families
import program
import pytest
import tokenizer_file

TEXTS = 10_000
WORDS = ("星辰 语义 大模型 中国电信 你好 今天 天气 怎么样 请 介绍 一下 北京 上海 算力 网络 the model answers hello world "
         "token prefix Xingcha naïve café Ελλάδα привет こんにちは 안녕 _name __init__ 3.14 2026 a_b ____ x").split()
# Every length of UTF-8, both sides of each border, controls, combining marks, a byte order mark, quotes and tags.
LETTERS = ["\x00", "\x01", "\x7f", "\x80", "߿", "ࠀ", "￿", "𐀀", "🙂", "👩‍👩‍👧", "́", "﻿", "　", "<", ">", "|", "<_", "_>",
           "</", "\\n", "\n", "\t", "\r", " ", "  ", "   ", "_", "__", "_____", "0", "19", "é", "龘", "的", "电信", "{", '"']
GOLDEN_SYSTEM = ("你是中国电信星辰语义大模型，英文名是TeleChat，你是由中电信人工智能科技有限公司和中国电信人工智能研究院（TeleAI）"
                 "研发的人工智能助手。")
GOLDEN_IDS = [int(word) for word in (
    "6 3921 12966 16716 40721 62816 123959 126161 113621 126181 50751 25372 126161 7515 126511 126217 16716 14180 19326 "
    "29074 16716 14180 14617 126652 50751 8993 126650 6145 86750 29791 126169 29 4 96343 5").split()]
GOLDEN_REPLY = [96343, 126365, 3912, 17541, 2843, 1746, 126673, 126271, 2]


def convert(root, pieces, seed=71, vocabulary=None):
    config, weights = families.telechat(seed, hidden=32, heads=2, vocabulary=vocabulary or len(pieces) + 5,
                                        training_seqlen=8192, base_seqlen=8192, eos_token_id=2)
    folder = program.write_folder(root / "in", config, weights, pieces=pieces)
    program.run_convert(folder, root / "out.gguf", "--type", "f32")
    return root / "out.gguf"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Pieces and the converted file."""
    chance = random.Random(71)
    corpus = [" ".join(chance.choices(WORDS, k=chance.randint(1, 8))) for _ in range(150)]
    corpus += ["".join(chance.choices(WORDS[:12], k=chance.randint(1, 6))) for _ in range(150)]
    pieces = tokenizer_file.trained_pieces(corpus, 220)
    return pieces, convert(tmp_path_factory.mktemp("trained"), pieces)


def fuzzed(chance):
    def piece():
        kind = chance.random()
        if kind < 0.5:
            return chance.choice(WORDS)
        if kind < 0.9:
            return chance.choice(LETTERS)
        point = chance.randrange(1, 0x110000)
        return chr(point) if not 0xD800 <= point < 0xE000 else "?"

    return chance.choice(["", " "]).join(piece() for _ in range(chance.randint(0, 12)))


def test_ten_thousand_texts_round_trip(trained):
    pieces, model = trained
    chance = random.Random(72)
    texts = [fuzzed(chance).replace("▁", " ") for _ in range(TEXTS)]  # "▁" is how a blank is written
    whole = [text for text, _, kind in pieces if kind == tokenizer_file.USER and text.startswith("<")]
    texts = [text for text in texts if not any(marker in text for marker in whole)]
    assert len(texts) > TEXTS * 0.99
    for text, (ids, back) in zip(texts, program.round_trips(model, texts), strict=True):
        assert ids == tokenizer_file.sentencepiece_ids(pieces, text), repr(text)
        assert back == text.encode(), repr(text)


def test_segments_between_markers(trained):
    """A marker is one id, never spelled; what follows it begins with a blank of its own."""
    pieces, model = trained
    chance = random.Random(73)
    wanted, texts = [], []
    for _ in range(300):
        ids, text = [], ""
        for marker in chance.sample(tokenizer_file.SPECIALS, chance.randint(1, 4)):
            segment = fuzzed(chance).replace("▁", " ")
            if any(special in segment for special in tokenizer_file.SPECIALS):
                segment = ""
            ids += [2 + tokenizer_file.SPECIALS.index(marker), *tokenizer_file.sentencepiece_ids(pieces, segment)]
            text += marker + segment
        wanted.append(ids)
        texts.append(text)
    got = [ids for ids, _ in program.round_trips(model, texts)]
    for text, ids, right in zip(texts, got, wanted, strict=True):
        assert ids == right, repr(text)


def test_ids_go_back_to_texts(trained):
    """What the golden reply is read with, on the synthetic vocabulary."""
    pieces, model = trained
    texts = ["你好<_end>", "hello 3.14"]
    ids = [got for got, _ in program.round_trips(model, texts)]
    assert [text.decode() for text in program.texts_of(model, ids)] == texts


def test_the_released_ids(tmp_path):
    """TeleChat2's own tokenizer: the golden vector of its authors. Its licence forbids shipping it with this program."""
    path = os.environ.get("XC_TELECHAT_TOKENIZER")
    if not path:
        pytest.skip("XC_TELECHAT_TOKENIZER is not set: the path of TeleChat2's tokenizer.model, which we may not ship")
    root = Path(path)
    assert root.is_file(), f"{root} is no file"
    folder = tmp_path / "in"
    config, weights = families.telechat(74, hidden=16, heads=2, vocabulary=131072, training_seqlen=8192,
                                        base_seqlen=8192, eos_token_id=2)
    program.write_folder(folder, config, weights)
    (folder / "tokenizer.model").write_bytes(root.read_bytes())
    beside = root.parent / "tokenizer_config.json"
    if beside.exists():
        (folder / "tokenizer_config.json").write_bytes(beside.read_bytes())
    model = tmp_path / "out.gguf"
    program.run_convert(folder, model, "--type", "f32")
    prompt = f"<_system>{GOLDEN_SYSTEM}\n<_user>你好<_bot>"
    assert program.round_trips(model, [prompt])[0][0] == GOLDEN_IDS
    reply = program.texts_of(model, [GOLDEN_REPLY])[0].decode()
    assert reply.startswith("你好") and reply.endswith("<_end>"), reply
    assert program.round_trips(model, [reply])[0][0] == GOLDEN_REPLY
