"""E2: chats with one system prompt and histories of their own take turns."""
from client import ask, must, tokens
from plan import DEFAULT, TUNED
from sides import running
from table import Result

CHATS = (2, 8, 32)
TURNS_IN_ALL = 16  # measured per number of chats, at least one each
TUNED_CHATS_MAX = 8  # a split cache for 32 long chats costs minutes and no target asks for it


def turns(side, chats, system, history, new, out=1):
    """Tokens and seconds of each turn; a turn is the whole conversation so far and some new tokens."""
    prefix = tokens(system, "E2", chats)
    talks = [prefix + tokens(history, "E2", chats, i) for i in range(chats)]
    for talk in talks:
        must(ask(side, talk, out))
    computed, wall = [], []
    for turn in range(max(1, TURNS_IN_ALL // chats)):
        for i, talk in enumerate(talks):
            talk += tokens(new, "E2", chats, i, turn)
            mark = side.mark()
            reply = must(ask(side, talk, out))
            computed.append(side.computed(mark, [reply]))
            wall.append(reply.wall_s)
    return computed, wall


def run(plan):
    system, history, new = plan.count(2_048, 64), plan.count(1_024, 32), plan.count(64)
    result = Result("E2", "alternating chats, one system prompt",
                    f"{system} system + {history} history tokens, {new} new a turn; spread is over turns")
    for chats in CHATS:
        room = (system + history + new * (TURNS_IN_ALL // chats + 2)) * chats
        sides = [plan.own(), plan.peer(DEFAULT)]
        if chats <= TUNED_CHATS_MAX:
            sides.append(plan.peer(TUNED, "-np", chats, "-no-kvu", "-c", room, "-sps", "0.97"))
        computed, wall = {}, {}
        with running(*sides):
            for side in sides:
                computed[side.name], wall[side.name] = turns(side, chats, system, history, new)
        result.take_flags(sides)
        row = result.row(f"{chats} chats: prompt tokens a turn", computed)
        row.bound(f"≤ 1.1 × {new}", 1.1 * new)
        row = result.row(f"{chats} chats: wall a turn, s", wall)
        row.times_better("≥ 8 × default", DEFAULT, 8)
    return result
