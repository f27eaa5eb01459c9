"""What the benchmarks print: a line for each figure as it comes, ratios at the end, and all of it as a table."""

import os
import platform
import time
from datetime import UTC, datetime
from typing import Final

from bench.rig import additions_s

# (name, figure, compared with, the least or the most it should be)
TARGETS: Final = (
    ("worker / baseline", "worker", "baseline", ">=", 8.0),
    ("worker / bare", "worker", "bare", ">=", 0.7),
    ("worker / bare, batches", "worker, batches", "bare, batches", ">=", 0.7),
    ("late stored / live, batches", "late, stored", "worker, batches", ">=", 0.5),
    ("late told / live, batches", "late, told", "worker, batches", ">=", 0.5),
    ("live / with 100,000 fences more", "worker", "worker, 100,000 fences more", "<=", 2.0),
    (
        "live / with 100,000 fences more, batches",
        "worker, batches",
        "worker, 100,000 fences more, batches",
        "<=",
        2.0,
    ),
    ("p99 beside backlog / quiet", "beside backlog, live p99", "quiet, live p99", "<=", 3.0),
    ("p99 beside old pings / quiet", "beside old pings, live p99", "quiet, live p99 again", "<=", 3.0),
)
ABSOLUTE: Final = (
    ("worker", ">=", 20_000.0),
    ("worker, batches", ">=", 120_000.0),
    ("beside backlog, live p99", "<=", 500.0),
    ("beside old pings, live p99", "<=", 500.0),
)


class Report:
    def __init__(self) -> None:
        self._figures: dict[str, tuple[float, str, str]] = {}
        cores = os.cpu_count()
        self.say(
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {cores} cores, everything on this machine"
        )
        self.say(f"speed of the machine now: 10 million additions in Python take {additions_s():.2f} s")
        self._begin_s = time.monotonic()

    def say(self, text: str) -> None:
        print(text, flush=True)

    def add(self, name: str, value: float, unit: str, note: str = "") -> None:
        self._figures[name] = (value, unit, note)
        shown = f"{value:,.1f}" if unit == "ms" or value < 100 else f"{value:,.0f}"
        self.say(
            f"{name:<42}{shown:>12} {unit:<8} {_verdict(value, [t[1:] for t in ABSOLUTE if t[0] == name])} {note}"
        )

    def ratios(self) -> None:
        """Those of which both figures were measured."""
        for name, figure, other, sign, bound in TARGETS:
            if figure in self._figures and other in self._figures:
                value = self._figures[figure][0] / self._figures[other][0]
                self.say(f"{name:<42}{value:>12.2f} {'x':<8} {_verdict(value, [(sign, bound)])}")
        self.say(f"took {time.monotonic() - self._begin_s:.0f} s")

    def table(self) -> list[str]:
        """All figures as rows of Markdown."""
        rows = [
            f"| {name} | {value:,.1f} {unit} | {note} |"
            for name, (value, unit, note) in self._figures.items()
        ]
        return ["| what | figure | |", "|---|---|---|", *rows]


def _verdict(value: float, targets: list[tuple[str, float]]) -> str:
    for sign, bound in targets:
        good = value >= bound if sign == ">=" else value <= bound
        return f"{'met' if good else 'NOT MET'}: {sign} {bound:g}"
    return ""
