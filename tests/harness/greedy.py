"""Greedy completions of token prompts, and what they say about the cache."""

import random

from harness import paths

TOKEN_FIRST, TOKEN_LAST = 1_000, 30_000  # ordinary pieces of words in the test model's vocabulary


def tokens(count, *salt):
    """`count` token ids; another salt gives another text from the first token on."""
    chance = random.Random(repr(salt))
    return [chance.randrange(TOKEN_FIRST, TOKEN_LAST) for _ in range(count)]


def circle(count, *salt, period=15):
    """`count` tokens that go round: the model goes on with them, whatever the last bits of a logit are."""
    once = tokens(period, "circle", *salt)
    return (once * (count // period + 1))[:count]


def quoting(text, at, count=24):
    """`text` and then `count` of its tokens again, from `at` on: the model goes on quoting, which it can only as long
    as it still has the text. Likely enough that the shape of a batch does not decide."""
    return text + text[at:at + count]


def request(prompt, out, **more):
    """Exactly `out` tokens, the likeliest each."""
    return {"model": paths.MODEL, "prompt": prompt, "max_tokens": out, "temperature": 0, "ignore_eos": True, **more}


def whole(reply):
    """The JSON of a reply that succeeded."""
    assert reply.status == 200, reply
    return reply.json()


def text_of(answer):
    return answer["choices"][0]["text"]


def cached(answer):
    return answer["usage"]["prompt_tokens_details"]["cached_tokens"]
