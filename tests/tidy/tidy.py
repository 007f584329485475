#!/usr/bin/env python3
"""Layout and style as a test: who includes whom, sizes, names, leftovers. No dependencies.

Prints a table of medians; exits 1 with one line a fault. Run: ./x tidy
"""
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Which rooms a room's headers may be included from. Downward only; never sideways.
LAYERS = [{"base"}, {"crypto", "net", "store", "schema"}, {"secrets"}, {"catalog", "convert", "identity", "audit", "engine", "fleet", "ops", "console"},
          {"gateway"}, {"app"}]
# What stands at one step but may be used by a neighbour, with the reason.
ALLOWED = {
    ("identity", "store"), ("catalog", "schema"), ("convert", "catalog"), ("engine", "schema"), ("engine", "net"),
    ("fleet", "net"), ("console", "base"),
}
# Third-party headers and the one place that owns each.
OWNERS = [
    # The coroutine and executor types are re-exported: headers of other rooms may name them.
    (r"boost/asio/(awaitable|any_io_executor)\.hpp", r"base/task\.h|net/.*|fleet/.*\.h"),
    (r"boost/(asio|beast)", "net/.*"),
    (r"openssl/(ssl|x509|bio|err|pem)", "net/.*"),
    (r"openssl/(evp|sha|crypto|rand|params|core_names|hmac)",
     r"crypto/.*|identity/.*|catalog/.*|net/.*|ops/webhook\.cc|engine/chunks/chunk_cipher\.cc|audit/crypto\.cc"),
    (r"openssl/(encoder|decoder)", r"audit/crypto\.cc"),
    (r"openssl/(bn|ec|rsa|param_build)\.h", r"identity/jwk\.cc"),
    (r"argon2", r"identity/password\.cc"),
    (r"boost/json", r".*\.cc|schema/(json_reader|reply_parts|responses_input|anthropic_parts)\.h|catalog/.*_fields\.h"),
    (r"(soci|libpq)", "store/.*"),
    (r"(llama|ggml|mtmd|gguf)", "engine/llama/.*"),
    (r"(common|chat|sampling|log|json-schema-to-grammar)\.h$", "engine/llama/.*"),
    (r"curl/", "catalog/transfer.*"),
    (r"zlib", r"catalog/wheel.*|gateway/.*|console/.*"),
    (r"prometheus/", "gateway/metrics.*"),
    (r"spdlog/", "base/log.cc"),
    (r"CLI/", "app/.*"),
    (r"toml", "app/.*|catalog/catalogue.*"),
    (r"histedit|editline", "app/.*"),
]
LINES_MAX, LINES_HARD, HEADER_MAX, COLUMNS_MAX, FUNCTION_MAX = 500, 800, 200, 100, 80
BANNED_NAMES = re.compile(r"(utils?|common|helpers?|manager|impl|misc)(_test)?\.(cc|h|ts|tsx)$")
LEFTOVERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|not implemented")
BANNED_CODE = [
    (re.compile(r"asio::detached"), "spawn through net::TaskGroup"),
    (re.compile(r"\bstd::getenv\b"), "environment is read in app/ only", r"app/.*|catalog/.*"),
    (re.compile(r"\bsystem\("), "no shell"),
]


def tracked(*patterns):
    out = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", *patterns],
                         capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in out.splitlines() if (ROOT / line).exists()]


def layer(room):
    return next((i for i, rooms in enumerate(LAYERS) if room in rooms), None)


def include_faults(path, text):
    inside = path.relative_to(ROOT / "src").as_posix()
    room = inside.split("/")[0]
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#include\s+([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        kind, header = match.groups()
        target = header.split("/")[0]
        if kind == '"' and (ROOT / "src" / header).exists():
            if target == room or (room, target) in ALLOWED:
                continue
            if layer(target) is None or layer(room) is None or layer(target) >= layer(room):
                yield f"{inside}:{number}: {room} may not include {header}"
            continue
        for pattern, owner in OWNERS:
            if re.match(pattern, header):
                if not re.fullmatch(owner, inside):
                    yield f"{inside}:{number}: {header} belongs to {owner}"
                break


def function_lengths(text):
    """Lengths of bodies that start with an unindented line ending in '{' and end with '}'."""
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if start is None and line and not line[0].isspace() and line.rstrip().endswith("{"):
            if not re.match(r"(namespace|class|struct|enum|union|extern|template|constexpr|const|static const)", line):
                start = number
        elif line.startswith("}"):
            if start is not None:
                yield start, number - start
            start = None


def code_faults(path):
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT).as_posix()
    lines = text.splitlines()
    is_test = "_test." in path.name or name.startswith("tests/")
    if len(lines) > LINES_HARD:
        yield f"{name}: {len(lines)} lines, the limit is {LINES_HARD}"
    if path.suffix == ".h" and len(lines) > HEADER_MAX and name != "src/base/limits.h":  # all bounds in one file
        yield f"{name}: header of {len(lines)} lines, the limit is {HEADER_MAX}"
    if BANNED_NAMES.search(path.name):
        yield f"{name}: the name says nothing"
    for number, line in enumerate(lines, 1):
        width = len(line)
        if width > COLUMNS_MAX and not is_test and "http" not in line and path.suffix in (".cc", ".h"):
            yield f"{name}:{number}: {width} columns"
        if LEFTOVERS.search(line):
            yield f"{name}:{number}: leftover: {line.strip()[:60]}"
        for rule in BANNED_CODE:
            allowed = len(rule) > 2 and re.search(rule[2], name)
            if rule[0].search(line) and not is_test and not allowed:
                yield f"{name}:{number}: {rule[1]}"
    if path.suffix == ".cc" and not is_test:
        for start, length in function_lengths(text):
            if length > FUNCTION_MAX:
                yield f"{name}:{start}: function of {length} lines, the limit is {FUNCTION_MAX}"
    if path.suffix in (".cc", ".h") and name.startswith("src/") and not is_test:
        yield from include_faults(path, text)


def address_faults():
    for path in tracked("console/package-lock.json", "console/.npmrc", "tests/requirements.txt"):
        if re.search(r'"resolved":|index-url|registry=', path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(ROOT)}: a registry address"


def main():
    sources = tracked("src/*.cc", "src/*.h", "tests/*.cc", "bench/*.cc", "console/src/*.ts",
                      "console/src/*.tsx")
    faults = [f for path in sources for f in code_faults(path)]
    faults += list(address_faults())
    sizes = {}
    for path in sources:
        if "_test." not in path.name:
            room = "/".join(path.relative_to(ROOT).parts[:2])
            sizes.setdefault(room, []).append(len(path.read_text(encoding="utf-8").splitlines()))
    print(f"{'room':24} {'files':>5} {'lines':>7} {'median':>7} {'largest':>8}")
    for room in sorted(sizes):
        s = sizes[room]
        print(f"{room:24} {len(s):5} {sum(s):7} {statistics.median(s):7.0f} {max(s):8}")
    for path in sources:
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > LINES_MAX:
            print(f"warning: {path.relative_to(ROOT)} has {count} lines: it asks for a new room")
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
