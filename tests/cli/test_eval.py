"""`xingcha eval` against the real program and a real model: the arithmetic is checked with scores asked for over HTTP."""

import json
import math

import pytest

from harness import paths
from harness.server import fresh_server

TEXT = "The capital of France is Paris, and the capital of Italy is Rome. " * 6


@pytest.fixture(scope="module")
def server():
    with fresh_server() as running:
        yield running


def evaluate(server, kind, path, *more):
    done = server.home.cli("eval", kind, str(path), "--model", paths.MODEL, "--json", *more)
    return json.loads(done.stdout)


def scores(server, prompt):
    body = {"model": paths.MODEL, "prompt": prompt, "max_tokens": 0, "echo": True, "logprobs": 1, "temperature": 0}
    return server.api.post("/v1/completions", body).json()["choices"][0]["logprobs"]


def test_perplexity(server, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    tokens = server.api.post("/tokenize", {"model": paths.MODEL, "content": TEXT}).json()["tokens"]
    nats = []
    for at in range(0, len(tokens), 32):
        if len(tokens) - at > 1:
            nats += [-s for s in scores(server, tokens[at:at + 32])["token_logprobs"] if s is not None]
    found = evaluate(server, "perplexity", path, "--window", "32")
    assert found["nats_per_token"]["count"] == len(nats)
    # Other batches round otherwise.
    assert found["perplexity"] == pytest.approx(math.exp(sum(nats) / len(nats)), rel=0.02)
    assert found["low"] < found["perplexity"] < found["high"]
    assert 0 < found["bits_per_byte"] < 8
    # What is repeated is foreseen: one long window knows it better than short ones.
    assert evaluate(server, "perplexity", path, "--window", "512")["perplexity"] < found["perplexity"]


def test_choice(server, tmp_path):
    path = tmp_path / "choice.jsonl"
    items = [
        {"question": "The capital of France is", "choices": ["Paris", "a spoon"], "answer": "A"},
        {"question": "One, two, three, four,", "choices": ["window", "five"], "answer": 1},
        {"question": "The capital of France is", "choices": ["Paris", "a spoon"], "answer": "B"},
    ]
    path.write_text("\n".join(map(json.dumps, items)))
    found = evaluate(server, "choice", path)
    assert found["accuracy"]["count"] == 3
    assert found["accuracy"]["value"] == pytest.approx(2 / 3)
    assert evaluate(server, "choice", path, "--limit", "2")["accuracy"]["value"] == 1


def test_exact(server, tmp_path):
    body = {"model": paths.MODEL, "messages": [{"role": "user", "content": "Say hello."}], "temperature": 0, "max_tokens": 8}
    said = server.api.post("/v1/chat/completions", body).json()["choices"][0]["message"]["content"]
    path = tmp_path / "exact.jsonl"
    items = [{"prompt": "Say hello.", "answer": ["nothing of the kind", f" {said} "]},
             {"prompt": "Say hello.", "answer": "nothing of the kind"}]
    path.write_text("\n".join(map(json.dumps, items)) + "\n")
    assert evaluate(server, "exact", path, "--max-tokens", "8")["accuracy"]["value"] == 0.5


def test_errors_name_file_line_and_model(server, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"question": "q", "choices": ["a", "b"], "answer": 0}\n{"question": "q", "choices": ["a"]}\n')
    bad = server.home.cli("eval", "choice", str(path), "--model", paths.MODEL, check=False)
    assert bad.returncode == 1 and "Line 2: choices" in bad.stderr
    missing = server.home.cli("eval", "exact", str(tmp_path / "no.jsonl"), "--model", paths.MODEL, check=False)
    assert missing.returncode == 1 and "no.jsonl" in missing.stderr
    path.write_text("x")
    short = server.home.cli("eval", "perplexity", str(path), "--model", paths.MODEL, check=False)
    assert short.returncode == 1 and "two tokens" in short.stderr
    unknown = server.home.cli("eval", "perplexity", str(path), "--model", "nowhere", check=False)
    assert unknown.returncode == 1 and "nowhere" in unknown.stderr
