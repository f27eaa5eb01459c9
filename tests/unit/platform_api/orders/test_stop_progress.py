"""Stops between pickup and delivery: plain cases, then the law that the order of arrival does not matter."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.orders.progress import Change, Facts, Place, Visit, derive
from platform_api.orders.rules import Action, OrderStatus
from platform_api.orders.stop_progress import StopProgress, StopTimes, derive_stops, diff_stops

S = OrderStatus
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
STAY = timedelta(minutes=5)
FACTS = Facts(assigned_at=START)
LOADED = Visit(1, Place.PICKUP, START + timedelta(minutes=10), START + timedelta(minutes=40))

Times = tuple[float | None, float | None]


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def visit(number: int, enter: float, leave: float | None = None, *, inferred: bool = False) -> Visit:
    return Visit(number, Place.STOP, at(enter), None if leave is None else at(leave), inferred, 1)


def derived(visits: Sequence[Visit], facts: Facts = FACTS, ends: Sequence[Visit] = (LOADED,)) -> StopProgress:
    return derive_stops(facts, derive(facts, ends, STAY), {1: visits}, STAY)[1]


def minutes(progress: StopProgress) -> Times:
    first, last = progress.arrived, progress.departed
    one = timedelta(minutes=1)
    return (first and (first.at - START) / one, last and (last.at - START) / one)


@pytest.mark.parametrize(
    ("visits", "expected"),
    [
        ([], (None, None)),
        ([visit(2, 60)], (60, None)),
        ([visit(2, 60, 62)], (60, 62)),
        ([visit(2, 60, 80)], (60, 80)),
        # sent away, came back: the work was done the second time
        ([visit(2, 60, 62), visit(3, 70, 90)], (70, 90)),
        ([visit(2, 60, 80), visit(3, 200, 260)], (60, 80)),
        # passed by between two fixes
        ([visit(2, 60, 62, inferred=True)], (None, None)),
        # on the way to the pickup, with nothing aboard
        ([visit(2, 5, 9)], (None, None)),
        # before the order was his
        ([visit(2, -30, -10)], (None, None)),
    ],
)
def test_arrival_and_departure(visits: Sequence[Visit], expected: Times) -> None:
    assert minutes(derived(visits)) == expected


def test_nothing_counts_before_the_goods_are_on_the_truck() -> None:
    assert minutes(derived([visit(2, 60, 80)], ends=())) == (None, None)
    confirmed = Facts(START, loading_confirmed_at=at(30))
    assert minutes(derived([visit(2, 60, 80)], confirmed, ())) == (60, 80)
    assert minutes(derived([visit(2, 10, 20)], confirmed, ())) == (None, None)


def test_nothing_counts_after_the_delivery() -> None:
    delivered = Facts(START, delivered_at=at(100))
    assert minutes(derived([visit(2, 120, 140)], delivered)) == (None, None)
    assert minutes(derived([visit(2, 90, 140)], delivered)) == (90, 140)


def told_after(changes: Sequence[Change], told: Mapping[int, StopTimes]) -> dict[int, StopTimes]:
    """What a reader of the history knows in the end."""
    known = {number: {"arrived": t.arrived, "departed": t.departed} for number, t in told.items()}
    for change in changes:
        assert change.stop is not None
        times = known.setdefault(change.stop, {"arrived": None, "departed": None})
        for correction in change.corrections:
            times[correction.milestone.removesuffix("_stop")] = correction.new
        if change.action in (Action.ARRIVED_STOP, Action.DEPARTED_STOP):
            times[change.action.removesuffix("_stop")] = change.event_time
    return {number: StopTimes(**times) for number, times in known.items()}


def step(told: Mapping[int, StopTimes], visits: Sequence[Visit]) -> tuple[list[Change], dict[int, StopTimes]]:
    progress = derive_stops(FACTS, derive(FACTS, [LOADED], STAY), {1: visits}, STAY)
    changes = diff_stops(S.IN_TRANSIT, told, progress, {1: visits})
    return changes, told_after(changes, told)


def actions(changes: Sequence[Change]) -> list[Action]:
    return [change.action for change in changes]


def test_told_revised_taken_back_and_told_again() -> None:
    changes, told = step({}, [visit(2, 60)])
    assert actions(changes) == [Action.ARRIVED_STOP]
    changes, told = step(told, [visit(2, 60, 80)])
    assert actions(changes) == [Action.DEPARTED_STOP]
    changes, told = step(told, [visit(2, 58, 82)])
    assert actions(changes) == [Action.VISIT_REVISED]
    assert [(c.milestone, c.new) for c in changes[0].corrections] == [
        ("arrived_stop", at(58)),
        ("departed_stop", at(82)),
    ]
    changes, told = step(told, [])
    assert actions(changes) == [Action.VISIT_RETRACTED]
    assert told == {1: StopTimes()}
    changes, told = step(told, [visit(2, 60, 80)])
    assert actions(changes) == [Action.ARRIVED_STOP, Action.DEPARTED_STOP]


def test_another_visit_counts() -> None:
    _, told = step({}, [visit(2, 60, 62)])
    changes, _ = step(told, [visit(2, 60, 62), visit(3, 70, 90)])
    assert actions(changes) == [Action.VISIT_SUPERSEDED]


moments = st.integers(0, 300)


@st.composite
def stays(draw: st.DrawFn) -> list[Visit]:
    """Visits one after the other, the last perhaps open."""
    borders = sorted(draw(st.sets(moments, min_size=0, max_size=8)))
    pairs = list(zip(borders[::2], borders[1::2], strict=False))
    found = [
        visit(number, enter, leave, inferred=draw(st.booleans()) and leave - enter < 5)
        for number, (enter, leave) in enumerate(pairs, start=2)
    ]
    if len(borders) % 2:
        found.append(visit(99, borders[-1]))
    return found


@given(history=st.lists(stays(), max_size=5), last=stays(), data=st.data())
def test_what_is_told_in_the_end_is_what_the_last_visits_say(
    history: list[list[Visit]], last: list[Visit], data: st.DataObject
) -> None:
    told: dict[int, StopTimes] = {}
    for visits in [*history, last]:
        _, told = step(told, data.draw(st.permutations(visits)))
    assert step(told, last)[0] == []
    expected = derived(last)
    assert told.get(1, StopTimes()) == StopTimes(
        expected.arrived and expected.arrived.at, expected.departed and expected.departed.at
    )


@given(visits=stays())
def test_no_departure_before_its_arrival_and_none_without(visits: list[Visit]) -> None:
    progress = derived(visits)
    if progress.departed:
        assert progress.arrived is not None
        assert progress.arrived.at <= progress.departed.at
