"""Matches JSON against a pattern of JSON; README.md says how patterns are written."""

import json
import re

_WORD = re.compile(r"<(\w+)(?: (\S+))?>$")


def mismatch(pattern, value, path="$"):
    """The first difference as a sentence, or None. Objects may have more than the pattern asks."""
    if isinstance(pattern, dict):
        return _object(pattern, value, path)
    if isinstance(pattern, list):
        return _array(pattern, value, path)
    if isinstance(pattern, str) and pattern.startswith("<"):
        return _word(pattern, value, path)
    same = pattern == value and isinstance(pattern, bool) == isinstance(value, bool)
    return None if same else f"{path}: wanted {pattern!r}, got {value!r}"


def _object(pattern, value, path):
    if "<json>" in pattern:
        try:
            return mismatch(pattern["<json>"], json.loads(value), f"{path}<json>")
        except (TypeError, ValueError):
            return f"{path}: not JSON text: {value!r}"
    if not isinstance(value, dict):
        return f"{path}: wanted an object, got {value!r}"
    for key, inner in pattern.items():
        here = f"{path}.{key}"
        if inner == "<absent>":
            if key in value:
                return f"{here}: must not be there, is {value[key]!r}"
        elif key not in value:
            return f"{here}: is missing"
        elif wrong := mismatch(inner, value[key], here):
            return wrong
    return None


def _array(pattern, value, path):
    if not isinstance(value, list):
        return f"{path}: wanted an array, got {value!r}"
    if pattern and pattern[0] == "<each>":
        pattern = [pattern[1]] * max(len(value), 1)
    if len(pattern) != len(value):
        return f"{path}: wanted {len(pattern)} items, got {len(value)}: {value!r}"
    for i, (inner, item) in enumerate(zip(pattern, value)):
        if wrong := mismatch(inner, item, f"{path}[{i}]"):
            return wrong
    return None


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _within(value, bounds):
    if not bounds:
        return True
    low, high = bounds.split("..")
    return (not low or value >= float(low)) and (not high or value <= float(high))


_KINDS = {
    "any": lambda v, a: True,
    "string": lambda v, a: isinstance(v, str) and (a != "nonempty" or v != ""),
    "number": lambda v, a: _is_number(v) and _within(v, a),
    "int": lambda v, a: isinstance(v, int) and not isinstance(v, bool) and _within(v, a),
    "bool": lambda v, a: isinstance(v, bool),
    "array": lambda v, a: isinstance(v, list) and _within(len(v), f"{a}..{a}" if a else a),
    "object": lambda v, a: isinstance(v, dict),
}


def _word(pattern, value, path):
    if pattern.startswith("</") and pattern.endswith("/>"):
        fits = isinstance(value, str) and re.search(pattern[2:-2], value, re.S)
    else:
        found = _WORD.match(pattern)
        fits = found and _KINDS[found.group(1)](value, found.group(2))
    return None if fits else f"{path}: wanted {pattern}, got {value!r}"
