"""Every .case file of this folder against the real program with a real small model."""

import json
import pathlib
import re

import pytest

from api import case_file, match
from harness.server import fresh_server

HERE = pathlib.Path(__file__).parent


def _all_cases():
    for path in sorted(HERE.glob("*.case")):
        for case in case_file.read_cases(path):
            for language in case.languages:
                name = f"{path.stem}: {case.name}" + (f" [{language}]" if language else "")
                broken = pytest.mark.xfail(reason=case.broken, strict=True)
                marks = [broken] if case.broken else []
                yield pytest.param(case, language, id=name, marks=marks)


@pytest.fixture(scope="module")
def server(request):
    """One compute thread: how many there are changes how sums are rounded, and the engine gives
    threads back when a neighbour is busy. So an answer that is asked for twice stays the same."""
    with fresh_server(XINGCHA_THREADS="1", XINGCHA_SPECULATION="off") as running:
        failed = request.session.testsfailed
        yield running
        if request.session.testsfailed > failed:
            print(running.log())


@pytest.fixture(scope="module")
def keys(server):
    """The keys that a case may name."""
    made = json.loads(server.home.cli("key", "create", "revoked", "--json").stdout)
    server.home.cli("key", "revoke", made["id"])
    good = server.api.key
    return {"good": good, "none": None, "bad": "xc-" + "0" * 43, "revoked": made["key"]}


@pytest.mark.parametrize("case,language", list(_all_cases()))
def test_case(case, language, server, keys):
    headers = dict(case.headers)
    key = keys[case.key] if case.key in keys else None
    if case.key == "x-api-key":
        headers["x-api-key"] = keys["good"]
    if language:
        headers["Accept-Language"] = language
    replies = [
        server.api.request(case.method, case.path, case.body, headers, key)
        for _ in range(case.warm + case.repeat)
    ][case.warm :]
    for reply in replies if case.check == "all" else replies[-1:]:
        problem = _problem_of(case, language, reply)
        assert not problem, f"{problem}\n{reply}"
    for path in case.same:
        assert len({json.dumps(_at(r, path)) for r in replies}) == 1, [_at(r, path) for r in replies]


def _at(reply, path):
    value = reply.json()
    for step in path.split("."):
        value = value[int(step)] if step.isdigit() else value[step]
    return value


def _problem_of(case, language, reply):
    if reply.status != case.status:
        return f"wanted {case.status}, got {reply.status}"
    for name, pattern in case.reply_headers:
        if not re.search(pattern, reply.headers.get(name, "")):
            return f"header {name}: wanted {pattern}, got {reply.headers.get(name)!r}"
    for word, argument in case.checks:
        if problem := CHECKS[word](argument, language, reply):
            return f"> {word} {argument}: {problem}"
    if case.pattern is not None:
        return match.mismatch(case.pattern, reply.json())
    return None


def _search(pattern, text):
    return None if re.search(pattern, text, re.S) else f"not in {text[:500]!r}"


def _message(argument, language, reply):
    wanted, _, pattern = argument.partition(" ")
    if wanted != language:
        return None
    return _search(pattern, reply.json()["error"]["message"])


def _payloads(reply):
    return [event.json() for event in reply.events() if event.data != "[DONE]"]


def _some(argument, _, reply):
    pattern = json.loads(argument)
    payloads = _payloads(reply)
    fits = any(match.mismatch(pattern, payload) is None for payload in payloads)
    return None if fits else f"no event fits; the last: {payloads[-3:]}"


def _each(argument, _, reply):
    pattern = json.loads(argument)
    for payload in _payloads(reply):
        if wrong := match.mismatch(pattern, payload):
            return f"{wrong} in {payload}"
    return None


def _nth(index):
    def check(argument, _, reply):
        return match.mismatch(json.loads(argument), _payloads(reply)[index])

    return check


def _text(argument, _, reply):
    pieces = []
    for payload in _payloads(reply):
        for choice in payload.get("choices", []):
            pieces.append(choice.get("text") or choice.get("delta", {}).get("content") or "")
        if payload.get("type") == "content_block_delta":
            pieces.append(payload["delta"].get("text", ""))
        if payload.get("type") == "response.output_text.delta":
            pieces.append(payload["delta"])
    return _search(argument, "".join(pieces))


def _done(argument, _, reply):
    ends = [event.data for event in reply.events()][-1] == "[DONE]"
    return None if ends == (argument != "no") else f"the last event is [DONE]: {ends}"


CHECKS = {
    "message": _message,
    "body": lambda argument, _, reply: _search(argument, reply.body.decode()),
    "empty": lambda _, __, reply: None if not reply.body else "there is a body",
    "events": lambda argument, _, reply: _search(
        argument, " ".join(event.name for event in reply.events())
    ),
    "first": _nth(0),
    "last": _nth(-1),
    "some": _some,
    "each": _each,
    "text": _text,
    "done": _done,
}
