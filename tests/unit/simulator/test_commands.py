"""A careful firmware: what it answers, what it refuses by itself, and what a repeat does."""

import json
from itertools import islice, pairwise
from typing import Any

import pytest

from simulator.commands import REMEMBERED, Answer, Controls, Done, Pace
from simulator.fix import Fix
from simulator.plans import plan_corridor
from simulator.receiver import observe
from simulator.route import corridors
from simulator.truck import Stop, travel

NOW_US = 1_769_443_022_000_000
STANDING = Fix(time_us=NOW_US, lon=-17.4, lat=14.7, speed_kmh=0.0)


def take(controls: Controls, kind: str, command_id: str = "c-1", **body: Any) -> Done:
    done = controls.take(json.dumps({"id": command_id, "kind": kind, **body}).encode(), NOW_US)
    assert done is not None
    assert done.command_id == command_id
    assert done.answers[0] == Answer(ok=True, state="received")
    assert len(done.answers) == 2
    return done


def outcome(controls: Controls, kind: str, command_id: str = "c-1", **body: Any) -> tuple[bool, str]:
    answer = take(controls, kind, command_id, **body).answers[1]
    return answer.ok, answer.text


def test_the_position_is_sent_now() -> None:
    controls = Controls()
    assert outcome(controls, "position_now") == (False, "no fix yet")
    controls.last = STANDING
    done = take(controls, "position_now", "c-2")
    assert (done.report, done.answers[1].text) == (True, "14.700000,-17.400000")


def test_the_interval() -> None:
    controls = Controls()
    assert outcome(controls, "reporting_interval", params={"seconds": 30})[0]
    assert controls.pace.interval_s == 30
    for number, seconds in enumerate((4, 90_000, "30", True, None)):
        assert not outcome(controls, "reporting_interval", f"bad-{number}", params={"seconds": seconds})[0]
    assert controls.pace.interval_s == 30


@pytest.mark.parametrize(
    ("speed_kmh", "stopped"), [(0.0, True), (4.9, True), (5.0, False), (60.0, False), (None, False)]
)
def test_it_trusts_its_own_speedometer(speed_kmh: float | None, stopped: bool) -> None:
    controls = Controls(last=Fix(time_us=NOW_US, lon=-17.4, lat=14.7, speed_kmh=speed_kmh))
    assert outcome(controls, "engine_stop")[0] is stopped
    assert controls.engine_stopped is stopped
    assert outcome(controls, "engine_resume", "c-2")[0]
    assert not controls.engine_stopped


def test_what_comes_too_late_is_not_done() -> None:
    controls = Controls(last=STANDING)
    assert outcome(controls, "engine_stop", expires="2026-01-26T15:57:02Z") == (False, "expired")
    assert not controls.engine_stopped
    assert outcome(controls, "engine_stop", "c-2", expires="2026-01-26T15:57:03Z")[0]


def test_a_repeat_is_answered_and_not_done_again() -> None:
    controls = Controls(last=STANDING)
    first = take(controls, "engine_stop")
    take(controls, "engine_resume", "c-2")
    assert take(controls, "engine_stop").answers == first.answers
    assert not controls.engine_stopped
    again = take(controls, "position_now", "c-3")
    assert (again.report, take(controls, "position_now", "c-3").report) == (True, False)


def test_it_remembers_only_so_many() -> None:
    controls = Controls()
    for number in range(10 * REMEMBERED):
        take(controls, "engine_resume", f"c-{number}")
    assert len(controls._answered) == REMEMBERED


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[]",
        b'{"id": "1", "kind": "position_now", "expires": "2026-01-26T15:57:02"}',
        b'{"id": 1, "kind": "position_now"}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_command_is_answered_by_nothing(payload: bytes) -> None:
    assert Controls().take(payload, NOW_US) is None


def test_an_unknown_kind_is_refused() -> None:
    assert outcome(Controls(), "explode") == (False, "unknown kind explode")


def test_fixes_follow_the_commanded_interval_and_a_start_is_reported_at_once() -> None:
    plan = plan_corridor(corridors()["dakar-touba"], seed="p", posts=False)
    pace = Pace()
    states = travel(plan.route, stops=[Stop(500.0, 1000.0, "rest")], seed="p", start_us=NOW_US)
    fixes = observe(states, plan.route, seed="p", pace=pace)
    first = list(islice(fixes, 5))[1:]
    assert {b.time_us - a.time_us for a, b in pairwise(first)} == {10_000_000}
    pace.interval_s = 120.0
    rest = list(islice(fixes, 30))
    gaps_s = [(b.time_us - a.time_us) / 1e6 for a, b in pairwise(rest)]
    # The truck leaves its rest in the middle of an interval.
    (early,) = [gap_s for gap_s in gaps_s if gap_s != 120.0]
    assert 0 < early < 120
    start = gaps_s.index(early) + 1
    assert rest[start - 1].speed_kmh == 0
    assert gaps_s[: start - 1] == [120.0] * (start - 1)
