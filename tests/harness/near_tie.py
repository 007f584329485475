"""Whether a greedy answer is that of an undisturbed run.

Where our kernels run it is, to the letter. ggml's own split their sums by the shape of a batch, so the last bits of the
logits differ between a request alone and the same request beside others. Greedy choice turns that into another token
where the two best tokens are a near tie. Everything else must be equal: an answer may part from the undisturbed one
only at such a place.
"""


def own_kernels_run():
    """With the test model's weights. ggml's AMX buffers take the products first; below AVX2 there is no kernel."""
    with open("/proc/cpuinfo") as file:
        flags = next((line.split() for line in file if line.startswith("flags")), [])
    return {"avx2", "fma", "f16c"} <= set(flags) and "amx_int8" not in flags


TIE_NATS = 0 if own_kernels_run() else 0.1
# What a log-probability of the test model moves when the same tokens come in other batches where our kernels do not run,
# as measured by scheduler/sharing_probe.cc (0.28–0.32 over its seeds). Not a bound for answers.
MOVES_NATS = 0.4


def margin(top):
    """Between the two best of an entry of top_logprobs."""
    best = sorted(top.values(), reverse=True)
    return best[0] - best[1] if len(best) > 1 else float("inf")


def parting(alone, text):
    """The index of the token of `alone` in which `text` parts from it, or None when they are equal. alone: a choice
    of /v1/completions with logprobs: 2."""
    whole = alone["text"]
    if whole == text:
        return None
    same = next((i for i, (a, b) in enumerate(zip(whole, text)) if a != b), min(len(whole), len(text)))
    for number, offset in enumerate(alone["logprobs"]["text_offset"]):
        if offset > same:
            return number - 1
    return len(alone["logprobs"]["tokens"]) - 1


def agrees(alone, text):
    """Equal, or parted at a near tie. The token before counts too: " the" and " then" part one token later than
    the choice between them."""
    at = parting(alone, text)
    if at is None:
        return True
    tops = alone["logprobs"]["top_logprobs"][max(0, at - 1):at + 1]
    return any(margin(top) < TIE_NATS for top in tops)
