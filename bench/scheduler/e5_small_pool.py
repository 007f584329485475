"""E5: requests whose sum does not fit the cache."""
from client import ask, together
from harness import greedy
from harness.near_tie import agrees
from plan import DEFAULT, TUNED
from sides import running
from table import Result

REQUESTS = 4


def alone(side, prompt, out):
    body = {"model": side.model_name, "prompt": prompt, "max_tokens": out, "temperature": 0, "ignore_eos": True,
            "logprobs": 2}
    connection = side.connection()
    status, answer = connection.post("/v1/completions", body)
    connection.close()
    if status != 200:
        raise RuntimeError(answer)
    return answer["choices"][0]


def run(plan):
    into, out = plan.count(300, 75), plan.count(700, 175)
    pool = max(512, -(-plan.count(2_048, 512) // 256) * 256)
    sides = [plan.own(XINGCHA_CELLS=str(pool), XINGCHA_CONTEXT=str(pool)), plan.peer(DEFAULT, "-c", pool),
             plan.peer(TUNED, "-c", pool, "-np", 2)]
    done, wall, equal = ({s.name: [] for s in sides} for _ in range(3))
    with running(*sides):
        for salt in range(plan.repeats):
            prompts = [greedy.circle(into, "E5", salt, i) for i in range(REQUESTS)]
            for side in sides:
                replies = together([lambda p=p: ask(side, p, out) for p in prompts])
                whole = [not r.error and r.generated == out for r in replies]
                done[side.name].append(sum(whole))
                if all(whole):
                    wall[side.name].append(max(r.ended for r in replies) - min(r.sent for r in replies))
                if side.own:
                    texts = [agrees(alone(side, p, out), r.text) for p, r in zip(prompts, replies)]
                    equal[side.name].append(sum(texts))
        preemptions = sides[0].stats()["preemptions"]
    result = Result("E5", "more than the cache holds", f"{REQUESTS} × ({into} in + {out} out) in {pool:,} cells")
    result.take_flags(sides)
    four = f"{REQUESTS} of {REQUESTS}"
    result.row("completed", done, better="high").goal(four, min(done["xingcha"]), lambda v: v == REQUESTS)
    result.row("text equal to alone", {"xingcha": equal["xingcha"]}, better="high").goal(
        four, min(equal["xingcha"]), lambda v: v == REQUESTS)
    result.row("wall, s", wall)
    result.notes.append(f"{preemptions} preemptions. Equal: the same text, or parted at a near tie of the run "
                        "alone (two best tokens within 0.1 nat): batch shape changes such a choice.")
    return result
