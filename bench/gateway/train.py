#!/usr/bin/env python3
"""What a gateway does all day, for a build that counts its branches (`./x profile`, cmake/Profile.cmake).

    bench/gateway/train.py PROGRAMS [--seconds 6]      PROGRAMS: the folder of gateway_door and gateway_mock

Whole replies and streams, short questions and long conversations in Chinese and English, with and without tools; now
and then a wrong key and a broken body. The door writes its counts, where LLVM_PROFILE_FILE says, as it ends.
"""
import argparse
import json
import random
import selectors
import socket
import time
from pathlib import Path

import load
import sides
from run import free_port

CONNECTIONS = 32
TURNS = ["Tell me about the river and the old mill, in a few sentences.",
         "请用三句话介绍这条河和老磨坊，再说说桥的历史。\n\n注意：只用下面的材料。",
         "def add(a, b):\n\treturn a + b\n\nWhat does \"add\" return for 2 and 3? 用中文回答。"]
TOOL = {"type": "function", "function": {
    "name": "weather", "description": "今天的天气 / the weather today",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}


def question(dice):
    """A body; most are short and plain, as most are."""
    messages = [{"role": "system", "content": "You are a helpful assistant. 回答要简短。"}] if dice.random() < 0.5 else []
    for _ in range(dice.choice([0, 0, 0, 2, 6])):
        messages.append({"role": "user", "content": dice.choice(TURNS)})
        messages.append({"role": "assistant", "content": dice.choice(TURNS) * 3})
    messages.append({"role": "user", "content": dice.choice(TURNS)})
    body = {"model": "mock", "messages": messages}
    if dice.random() < 0.7:
        body["max_tokens"] = 200
    if dice.random() < 0.5:
        body.update(temperature=0.7, top_p=0.9)
    if dice.random() < 0.1:
        body["tools"] = [TOOL]
    if dice.random() < 0.4:
        body.update(stream=True, stream_options={"include_usage": True})
    return json.dumps(body, ensure_ascii=dice.random() < 0.5, separators=(",", ":")).encode()


def request(door, dice):
    body = question(dice) if dice.random() < 0.98 else b'{"model": "mock", "messages": [}'
    headers = {**door.headers, "User-Agent": "OpenAI/Python 2.8.0", "Accept": "application/json"}
    if dice.random() < 0.01:
        headers["Authorization"] = "Bearer sk-wrong"
    head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    return (f"POST {door.path} HTTP/1.1\r\nHost: bench\r\n{head}Content-Length: {len(body)}\r\n\r\n").encode() + body


def is_whole(reply):
    head, mark, body = bytes(reply).partition(b"\r\n\r\n")
    if not mark:
        return False
    if b"chunked" in head.lower():
        return body.endswith(b"0\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    return len(body) >= int(length.split(b":")[1])


def keep_busy(door, seconds, dice):
    """Requests over some connections, each as soon as the one before it is answered; gives their number."""
    selector, done, end = selectors.DefaultSelector(), 0, time.monotonic() + seconds
    for _ in range(CONNECTIONS):
        connection = socket.create_connection((door.host, door.port))
        selector.register(connection, selectors.EVENT_READ, bytearray())
        connection.sendall(request(door, dice))
    while time.monotonic() < end:
        for ready, _ in selector.select(1):
            piece = ready.fileobj.recv(1 << 16)
            if not piece:
                raise RuntimeError(f"{door.name} closed a connection")
            ready.data.extend(piece)
            if is_whole(ready.data):
                done += 1
                ready.data.clear()
                ready.fileobj.sendall(request(door, dice))
    for ready in list(selector.get_map().values()):
        ready.fileobj.close()
    return done


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("programs", type=Path)
    options.add_argument("--seconds", type=float, default=6)
    options = options.parse_args()
    sides.PROGRAMS = options.programs.resolve()
    door = sides.Door("governed", "governed", free_port()).start()
    try:
        done = keep_busy(door, options.seconds, random.Random(1))
        paced = load.run_streams(door, 100)
    finally:
        door.stop()
    if done < 100 or not all(stream.done for stream in paced):
        raise SystemExit("the door did not keep up: no profile of it is worth keeping")
    print(f"{done:,} requests and {len(paced)} paced streams")


if __name__ == "__main__":
    main()
