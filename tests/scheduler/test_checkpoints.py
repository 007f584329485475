"""Memories that cannot be cut: a sliding window (Gemma 3) and a recurrent state (Mamba), tiny and random.

Whole states are kept at exact positions: at the end of a prompt and where prompts part. What was restored goes on as
what was computed, and nothing is served to another tenant.
"""

import concurrent.futures

import numpy
import pytest

from harness import gguf_file, greedy
from harness.home import Home
from harness.server import Server, wait_until
from harness.worker import Worker

WIDTH, WORDS = 64, 49152  # as the test model's tokenizer
SHARED, OWN, OUT = 300, 40, 12


def random_tensors(seed, shapes):
    source = numpy.random.default_rng(seed)
    made = {}
    for name, shape in shapes.items():
        if name.endswith("norm.weight"):
            made[name] = numpy.ones(shape, numpy.float32)
        else:
            made[name] = source.normal(0, 1 / shape[-1] ** 0.5, shape).astype(numpy.float32)
    return made


def gemma3(source, path):
    layers, heads, head, inner = 6, 2, 64, 128
    shapes = {"token_embd.weight": (WORDS, WIDTH), "output_norm.weight": (WIDTH,)}
    for n in range(layers):
        at = f"blk.{n}"
        for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            shapes[f"{at}.{name}.weight"] = (WIDTH,)
        for name in ("attn_q_norm", "attn_k_norm"):
            shapes[f"{at}.{name}.weight"] = (head,)
        shapes[f"{at}.attn_q.weight"] = (heads * head, WIDTH)
        shapes[f"{at}.attn_k.weight"] = shapes[f"{at}.attn_v.weight"] = (head, WIDTH)
        shapes[f"{at}.attn_output.weight"] = (WIDTH, heads * head)
        shapes[f"{at}.ffn_gate.weight"] = shapes[f"{at}.ffn_up.weight"] = (inner, WIDTH)
        shapes[f"{at}.ffn_down.weight"] = (WIDTH, inner)
    metadata = {"general.architecture": "gemma3", "general.name": "tiny window", "gemma3.context_length": 4096,
                "gemma3.embedding_length": WIDTH, "gemma3.block_count": layers, "gemma3.feed_forward_length": inner,
                "gemma3.attention.head_count": heads, "gemma3.attention.head_count_kv": 1,
                "gemma3.attention.key_length": head, "gemma3.attention.value_length": head,
                "gemma3.attention.sliding_window": 96, "gemma3.attention.layer_norm_rms_epsilon": 1e-6,
                "gemma3.rope.freq_base": 10000.0}
    return gguf_file.write_beside(source, path, metadata, random_tensors(1, shapes))


def mamba(source, path):
    layers, inner, state, rank, kernel = 2, 2 * WIDTH, 16, 4, 4
    shapes = {"token_embd.weight": (WORDS, WIDTH), "output_norm.weight": (WIDTH,)}
    for n in range(layers):
        at = f"blk.{n}"
        shapes |= {f"{at}.attn_norm.weight": (WIDTH,), f"{at}.ssm_in.weight": (2 * inner, WIDTH),
                   f"{at}.ssm_conv1d.weight": (inner, kernel), f"{at}.ssm_conv1d.bias": (inner,),
                   f"{at}.ssm_x.weight": (rank + 2 * state, inner), f"{at}.ssm_dt.weight": (inner, rank),
                   f"{at}.ssm_dt.bias": (inner,), f"{at}.ssm_a": (inner, state), f"{at}.ssm_d": (inner,),
                   f"{at}.ssm_out.weight": (WIDTH, inner)}
    tensors = random_tensors(2, shapes)
    for n in range(layers):
        tensors[f"blk.{n}.ssm_a"] = -numpy.abs(tensors[f"blk.{n}.ssm_a"]) - 0.1  # a state that fades
    metadata = {"general.architecture": "mamba", "general.name": "tiny state", "mamba.context_length": 4096,
                "mamba.embedding_length": WIDTH, "mamba.block_count": layers, "mamba.feed_forward_length": 0,
                "mamba.attention.head_count": 0, "mamba.attention.layer_norm_rms_epsilon": 1e-5,
                "mamba.ssm.conv_kernel": kernel, "mamba.ssm.inner_size": inner, "mamba.ssm.state_size": state,
                "mamba.ssm.time_step_rank": rank}
    return gguf_file.write_beside(source, path, metadata, tensors)


@pytest.fixture(scope="module", params=[gemma3, mamba], ids=["sliding window", "recurrent"])
def home(request):
    with Home() as made:
        made.cli("import", request.param(made.weights(), made.root / "tiny.gguf"), "--name", "tiny")
        yield made


def ask(api, prompt):
    return greedy.whole(api.post("/v1/completions", {**greedy.request(prompt, OUT), "model": "tiny"}))


def serve(home, **settings):
    return Server(home, XINGCHA_THREADS="1", XINGCHA_KEEP_ALIVE_S="-1", **settings)


def prompts():
    shared = greedy.tokens(SHARED, "checkpoint")
    return [shared + greedy.tokens(OWN, "own", n) for n in range(4)]


@pytest.fixture(scope="module")
def undisturbed(home):
    """Nothing is kept: each prompt is computed."""
    with serve(home, XINGCHA_CHUNK_RAM_MIB="0", XINGCHA_SEQUENCES="1") as server:
        answers = []
        for prompt in prompts():
            answers.append(ask(server.api, prompt))
            ask(server.api, greedy.tokens(8, "between"))
    return [greedy.text_of(answer) for answer in answers]


def test_the_third_to_share_a_beginning_has_its_state(home, undisturbed):
    with serve(home) as server:
        answers = [ask(server.api, prompt) for prompt in prompts()]
    assert [greedy.cached(answer) for answer in answers] == [0, 0, SHARED, SHARED]
    assert [greedy.text_of(answer) for answer in answers] == undisturbed


def test_the_next_turn_begins_where_the_last_prompt_ended(home):
    first = prompts()[0]
    second = first + greedy.tokens(30, "an answer in other words")
    with serve(home) as server:
        ask(server.api, first)
        turn = ask(server.api, second)
    with serve(home, XINGCHA_CHUNK_RAM_MIB="0") as server:
        alone = ask(server.api, second)
    assert greedy.cached(turn) == len(first)
    assert greedy.text_of(turn) == greedy.text_of(alone)


def test_who_gave_way_comes_back_with_its_state(home):
    """One sequence: a background answer leaves for an interactive one, and goes on where it was."""
    long = {**greedy.request(prompts()[0], 800), "model": "tiny"}
    with serve(home, XINGCHA_CHUNK_RAM_MIB="0") as server:
        alone = greedy.text_of(greedy.whole(server.api.post("/v1/completions", long)))
    with serve(home, XINGCHA_SEQUENCES="1") as server:
        ask(server.api, greedy.tokens(4, "it loads"))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            background = pool.submit(server.api.request, "POST", "/v1/completions", long,
                                     headers={"X-Xingcha-Priority": "background"})
            worker = Worker(server)
            wait_until(lambda: worker.stats()["tokens_generated"] > 20, "the background answer is under way")
            urgent = {**greedy.request(greedy.tokens(20, "urgent"), 4), "model": "tiny"}
            greedy.whole(server.api.request("POST", "/v1/completions", urgent,
                                            headers={"X-Xingcha-Priority": "interactive"}))
            answer = greedy.text_of(greedy.whole(background.result()))
        counters = worker.settled()
    assert counters["preemptions"] > 0 and counters["swaps_in_ram"] > 0, counters
    assert answer == alone
