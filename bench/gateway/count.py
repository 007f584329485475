#!/usr/bin/env python3
"""What one governed request costs, counted: instructions and allocations of each thread, by valgrind's callgrind.

    bench/gateway/count.py [--requests 600] [--mode governed|keyed] [--cache]

Exact however busy the machine is, unlike times. OpenSSL's share is told apart: valgrind hides the processor's SHA
instructions from it. Needs valgrind, binutils and a C compiler, and gateway_door and gateway_mock to be built. Thread
01 is the request's own; the others run by the clock, so their share of a request depends on the rate.
"""
import argparse
import collections
import glob
import json
import os
import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import load
from run import free_port
from sides import CHAT, PROGRAMS

CONNECTIONS, WARM_UP = 16, 300
CACHES = ["--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=1048576,16,64"]
ALLOCATORS = ("malloc", "calloc", "realloc")  # the aligned ones come to malloc
# valgrind 3.19 has no pidfd_open; an eventfd is a process that never ends.
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
long syscall(long number, ...) {
  va_list list;
  long x[6];
  va_start(list, number);
  for (int i = 0; i < 6; ++i) x[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_pidfd_open) return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  return real(number, x[0], x[1], x[2], x[3], x[4], x[5]);
}
"""


def start(folder, mode, port, options):
    """The door under callgrind, which counts nothing yet; gives the process and the key."""
    (folder / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "shim.so", folder / "shim.c", "-ldl"], check=True)
    # without debug information, which valgrind 3.19 cannot read
    subprocess.run(["strip", "-g", "-o", folder / "door", PROGRAMS / "gateway_door"], check=True)
    for name in ("run", "logs"):
        (folder / name).mkdir(mode=0o700)
    with open(folder / "log", "wb") as log:
        door = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes",
             f"--callgrind-out-file={folder}/counts", *options, folder / "door", mode, f"127.0.0.1:{port}", folder,
             PROGRAMS / "gateway_mock"],
            stdout=log, stderr=subprocess.STDOUT, cwd=folder, env={**os.environ, "LD_PRELOAD": str(folder / "shim.so")})
    for _ in range(300):
        key = re.search(r"KEY (\S+)", (folder / "log").read_text())
        if key:
            return door, key.group(1)
        time.sleep(0.1)
    door.kill()
    raise SystemExit((folder / "log").read_text()[-500:])


def ask(port, key, count):
    """`count` requests for whole replies over a few connections, each as soon as the one before it is answered."""
    body = json.dumps(load.BODY).encode()
    request = (f"POST {CHAT} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: Bearer {key}\r\n"
               f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    selector, left, done = selectors.DefaultSelector(), count, 0
    for _ in range(min(CONNECTIONS, count)):
        connection = socket.create_connection(("127.0.0.1", port))
        selector.register(connection, selectors.EVENT_READ, bytearray())
        connection.sendall(request)
        left -= 1
    while done < count:
        for ready, _ in selector.select():
            ready.data.extend(ready.fileobj.recv(65536))
            head = ready.data.find(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", ready.data)
            if head < 0 or len(ready.data) < head + 4 + int(length.group(1)):
                continue
            if not ready.data.startswith(b"HTTP/1.1 200"):
                raise SystemExit(bytes(ready.data[:500]))
            ready.data.clear()
            done += 1
            if left > 0:
                ready.fileobj.sendall(request)
                left -= 1
    for ready in list(selector.get_map().values()):
        ready.fileobj.close()


def counts_of(path):
    """{"Ir": …, "crypto": …, "allocations": …} and callgrind's other events, summed over a thread's file."""
    sums, names, events = collections.Counter(), {}, []
    library = callee = ""
    in_call = False

    def name(text):  # "(12) malloc" the first time, then "(12)"
        number, known = re.match(r"\((\d+)\)(?: (.*))?", text).groups()
        return names.setdefault(number, known)

    for line in Path(path).read_text().splitlines():
        tag, _, value = line.partition("=")
        if line.startswith("events:"):
            events = line.split()[1:]
        elif tag in ("ob", "cob"):
            number, known = re.match(r"\((\d+)\)(?: (.*))?", value).groups()
            text = names.setdefault("ob" + number, known)
            library = text if tag == "ob" else library
        elif tag in ("fn", "cfn"):
            callee = name(value)
        elif tag == "calls":
            in_call = True
            sums["allocations"] += int(value.split()[0]) if callee in ALLOCATORS else 0
        elif re.match(r"[+\-*\d]", line) and not in_call:
            numbers = list(map(int, line.split()[1:]))
            sums.update(dict(zip(events, numbers)))
            sums["crypto"] += numbers[0] if numbers and "libcrypto" in library else 0
        elif in_call:
            in_call = False  # what the call cost is counted where it was spent
    return sums


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=600)
    options.add_argument("--mode", choices=("governed", "keyed"), default="governed")
    options.add_argument("--cache", action="store_true", help="misses of the first caches too; slower")
    options = options.parse_args()
    folder, port = Path(tempfile.mkdtemp(prefix="xcg-")), free_port()
    door, key = start(folder, options.mode, port, CACHES if options.cache else [])
    try:
        ask(port, key, WARM_UP)
        for step in ("on", "off"):
            subprocess.run(["callgrind_control", "-i", step, str(door.pid)], check=True, capture_output=True)
            if step == "on":
                ask(port, key, options.requests)
        door.terminate()
        door.wait(60)
        for path in sorted(glob.glob(f"{folder}/counts-*")):
            sums = counts_of(path)
            own = {k: v for k, v in sums.items() if k in ("I1mr", "D1mr", "D1mw")}
            print(f"thread {path[-2:]}: {(sums['Ir'] - sums['crypto']) / options.requests:,.0f} instructions and "
                  f"{sums['crypto'] / options.requests:,.0f} of OpenSSL, "
                  f"{sums['allocations'] / options.requests:.1f} allocations"
                  + "".join(f", {v / options.requests:,.0f} {k}" for k, v in own.items()))
    finally:
        door.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
