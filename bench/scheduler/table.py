"""Rows of the table: medians, spread, ratios, what must be reached and whether it was."""
import statistics
from dataclasses import dataclass, field


@dataclass
class Goal:
    text: str
    reached: bool | None = None  # None: could not be measured


@dataclass
class Row:
    measure: str
    values: dict  # name of a side → list of numbers; the first side is ours
    better: str = "low"  # or "high"
    goals: list = field(default_factory=list)

    def median(self, side):
        values = self.values.get(side) or []
        return statistics.median(values) if values else None

    def own(self):
        return self.median(next(iter(self.values)))

    def ratio(self, side):
        """How many times better ours is than that side."""
        own, other = self.own(), self.median(side)
        if own is None or other is None or min(own, other) <= 0:
            return None
        return other / own if self.better == "low" else own / other

    def best_peer(self, sides):
        """The smallest of our ratios against these sides: the tuning that does best."""
        ratios = [r for r in (self.ratio(s) for s in sides) if r is not None]
        return min(ratios) if ratios else None

    def goal(self, text, value, reached):
        """reached: called with the value unless that is None."""
        self.goals.append(Goal(text, None if value is None else bool(reached(value))))
        return self

    def bound(self, text, most):
        return self.goal(text, self.own(), lambda v: v <= most)

    def times_better(self, text, side, least):
        return self.goal(text, self.ratio(side), lambda r: r >= least)


@dataclass
class Result:
    name: str  # "E1"
    title: str
    size: str  # the real counts at this scale
    flags: dict = field(default_factory=dict)  # side → its settings
    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def row(self, *arguments, **more):
        self.rows.append(Row(*arguments, **more))
        return self.rows[-1]

    def take_flags(self, sides):
        self.flags.update({s.name: s.shown or "(no settings)" for s in sides})


def number(value):
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def cell(row, side):
    values = row.values.get(side) or []
    if not values:
        return "–"
    text = number(row.median(side))
    if len(values) > 1:
        text += f" ({number(min(values))}–{number(max(values))})"
    ratio = row.ratio(side)
    if side != next(iter(row.values)) and ratio is not None:
        text += f" ×{ratio:.2f}"
    return text


def verdict(goal):
    return {True: "reached", False: "NOT", None: "not measured"}[goal.reached]


def show(result, scale):
    print(f"\n### {result.name} {result.title}\n\n{result.size} (scale {scale:g})\n", flush=True)
    for side, flags in result.flags.items():
        print(f"- {side}: `{flags}`")
    sides = list(dict.fromkeys(s for row in result.rows for s in row.values))
    if sides:
        print("\n| measure | " + " | ".join(sides) + " | must reach | verdict |")
        print("|---" * (len(sides) + 3) + "|")
    for row in result.rows:
        must = "<br>".join(g.text for g in row.goals)
        seen = "<br>".join(verdict(g) for g in row.goals)
        cells = " | ".join(cell(row, s) for s in sides)
        print(f"| {row.measure} | {cells} | {must} | {seen} |")
    for note in result.notes:
        print(f"\n{note}")
    print(flush=True)


def as_json(result):
    rows = [{"measure": r.measure, "better": r.better, "values": r.values,
             "medians": {s: r.median(s) for s in r.values},
             "ratios": {s: r.ratio(s) for s in list(r.values)[1:]},
             "goals": [{"text": g.text, "reached": g.reached} for g in r.goals]} for r in result.rows]
    return {"name": result.name, "title": result.title, "size": result.size, "flags": result.flags,
            "rows": rows, "notes": result.notes}
