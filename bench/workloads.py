"""What is measured. Every function takes an open server and returns one number."""
import statistics
import threading
import time

WORDS = ("river mountain paper silver window garden yellow doctor engine market simple travel "
         "winter bridge planet letter forest island number coffee").split()


def prompt(tokens, salt):
    """About `tokens` tokens of text that no earlier run has cached."""
    return f"{salt} " + " ".join(WORDS[(i * 7 + salt) % len(WORDS)] for i in range(tokens - 2))


def request(text, tokens, model):
    return {"model": model, "prompt": text, "max_tokens": tokens, "temperature": 0, "stream": True,
            "ignore_eos": True, "cache_prompt": True, "stream_options": {"include_usage": True}}


_salt = iter(range(1, 1_000_000))


def decode(server, streams, tokens=128, salt=None):
    """Tokens a second over all streams, prefill left out. salt: equal ones ask for equal texts, so that servers which
    guess words have as much to guess."""
    results = [None] * streams
    salts = [next(_salt) if salt is None else salt + i for i in range(streams)]

    def one(i):
        connection = server.connection()
        _, times, usage = connection.stream(
            "/v1/completions", request(prompt(16, salts[i]), tokens, server.model_name))
        results[i] = (times[0], times[-1], usage["completion_tokens"])
        connection.close()

    threads = [threading.Thread(target=one, args=(i,)) for i in range(streams)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    first = max(r[0] for r in results)
    last = max(r[1] for r in results)
    return sum(r[2] - 1 for r in results) / (last - min(first, min(r[0] for r in results)))


def ttft_ms(server, tokens=32):
    connection = server.connection()
    started, times, _ = connection.stream(
        "/v1/completions", request(prompt(tokens, next(_salt)), 2, server.model_name))
    connection.close()
    return (times[0] - started) * 1000


def prefill(server, tokens=512):
    """Prompt tokens a second, from the time to the first token of a long new prompt."""
    connection = server.connection()
    started, times, usage = connection.stream(
        "/v1/completions", request(prompt(tokens, next(_salt)), 1, server.model_name))
    connection.close()
    return usage["prompt_tokens"] / (times[0] - started)


def embeddings(server, rows=32):
    connection = server.connection()
    body = {"model": server.model_name,
            "input": [prompt(16, next(_salt)) for _ in range(rows)]}
    started = time.perf_counter()
    status, answer = connection.post("/v1/embeddings", body)
    took = time.perf_counter() - started
    connection.close()
    if status != 200 or len(answer["data"]) != rows:
        raise RuntimeError(answer)
    return rows / took


def small_request_ms(connection, model, repeats=400):
    """Median of a request that costs the model nothing: the path itself."""
    body = {"model": model, "content": "hello"}
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        status, _ = connection.post("/tokenize", body)
        times.append((time.perf_counter() - started) * 1000)
        assert status == 200
    return statistics.median(times)


def gap_ms(connection, model, tokens=128):
    """Median time between two chunks of one stream."""
    _, times, _ = connection.stream("/v1/completions",
                                    request(prompt(16, next(_salt)), tokens, model))
    return statistics.median(b - a for a, b in zip(times, times[1:])) * 1000
