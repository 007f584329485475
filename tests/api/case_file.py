"""Reads .case files; README.md has the format."""

import dataclasses
import json
import re

from harness import paths

_MACRO = re.compile(r"\$\{(\w+)(?: (\d+))?(?: ([^}]*))?\}")


@dataclasses.dataclass
class Case:
    name: str
    languages: tuple = ("",)
    key: str = "good"
    warm: int = 0
    repeat: int = 1
    check: str = "all"
    same: tuple = ()
    broken: str = ""
    method: str = ""
    path: str = ""
    headers: dict = dataclasses.field(default_factory=dict)
    body: str | None = None
    status: int = 0
    reply_headers: list = dataclasses.field(default_factory=list)
    checks: list = dataclasses.field(default_factory=list)  # (word, argument)
    pattern: object = None


def _macro(found):
    word, count, text = found.groups()
    if word == "MODEL":
        return paths.MODEL
    if word == "repeat":
        return text * int(count)
    if word == "deep":
        return "[" * int(count) + "]" * int(count)
    raise ValueError(f"no macro {found.group(0)}")


def expand(text):
    return _MACRO.sub(_macro, text)


def _split_head(lines):
    """Lines up to the first blank one, and the text after it."""
    for i, line in enumerate(lines):
        if line.strip() == "":
            return lines[:i], "\n".join(lines[i + 1 :]).strip()
    return lines, ""


def _directive(case, line):
    word, _, rest = line[1:].partition(" ")
    rest = rest.strip()
    if word == "lang":
        case.languages = tuple(rest.split())
    elif word == "key":
        case.key = rest
    elif word == "warm":
        case.warm = int(rest)
    elif word == "repeat":
        case.repeat = int(rest)
    elif word == "broken":
        case.broken = rest
    elif word == "check":
        case.check = rest
    elif word == "same":
        case.same += (rest,)
    else:
        raise ValueError(f"no directive @{word}")


def _request(case, lines):
    while lines and (lines[0].startswith("@") or lines[0].strip() == ""):
        if lines[0].strip():
            _directive(case, lines[0])
        lines = lines[1:]
    head, body = _split_head(lines)
    case.method, case.path = expand(head[0]).split()
    for line in head[1:]:
        name, _, value = line.partition(":")
        case.headers[name.strip()] = expand(value.strip())
    case.body = expand(body) if body else None


def _expectation(case, lines):
    while lines and lines[0].strip() == "":
        lines = lines[1:]
    head, body = _split_head(lines)
    case.status = int(head[0])
    for line in head[1:]:
        if line.startswith(">"):
            word, _, rest = line[1:].strip().partition(" ")
            case.checks.append((word, expand(rest.strip())))
        else:
            name, _, value = line.partition(":")
            case.reply_headers.append((name.strip().lower(), value.strip()))
    if body:
        case.pattern = json.loads(expand(body))


def _one(name, lines):
    case = Case(name)
    bar = lines.index("---")
    _request(case, lines[:bar])
    _expectation(case, lines[bar + 1 :])
    return case


def read_cases(path):
    cases, name, lines = [], None, []
    for line in [*path.read_text().splitlines(), "=== "]:
        if line.startswith("=== "):
            if name:
                try:
                    cases.append(_one(name, lines))
                except Exception as error:
                    raise ValueError(f"{path.name}: case '{name}': {error}") from error
            name, lines = line[4:].strip(), []
        elif not line.startswith("#"):
            lines.append(line)
    return cases
