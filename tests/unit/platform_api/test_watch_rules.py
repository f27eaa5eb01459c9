"""Outings and unplanned stops by example and by law, and the comparison with what was told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.watch import rules
from platform_api.watch.rules import Event, Inside, Journey, Kind, Limits, Outing, Standing, Told

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    return START + minutes * MINUTE


def way(until: float, *, over: bool = False) -> Journey:
    return Journey(START, at(until), over)


def inside(visit_id: int, enter: float, leave: float | None = None) -> Inside:
    return Inside(visit_id, at(enter), None if leave is None else at(leave))


def spans(found: list[Outing]) -> list[tuple[str, float, float, bool]]:
    return [
        (each.cause, (each.started_at - START) / MINUTE, (each.until - START) / MINUTE, each.ended)
        for each in found
    ]


def test_a_journey_is_from_the_pickup_to_the_delivery() -> None:
    def journey(**times: datetime | None) -> Journey | None:
        known: dict[str, datetime | None] = dict.fromkeys(
            ("departed_pickup_at", "arrived_delivery_at", "delivered_at", "seen_at")
        )
        return rules.journey(**known | times)

    assert journey(seen_at=at(5)) is None, "not yet left"
    assert journey(departed_pickup_at=START) is None, "not seen since"
    assert journey(departed_pickup_at=START, seen_at=START) is None
    assert journey(departed_pickup_at=START, seen_at=at(5)) == way(5)
    arrived = journey(
        departed_pickup_at=START, arrived_delivery_at=at(60), delivered_at=at(90), seen_at=at(200)
    )
    assert arrived == way(60, over=True)
    assert journey(departed_pickup_at=START, delivered_at=at(90), seen_at=at(200)) == way(90, over=True)


def test_inside_all_the_way_there_is_no_outing() -> None:
    assert rules.outings(way(60), [inside(1, -10)]) == []
    assert rules.outings(way(60, over=True), [inside(1, -10, 30), inside(2, 30, 90)]) == []


def test_outings_are_what_no_stay_covers() -> None:
    stays = [inside(2, 40, 50), inside(1, -10, 20), inside(9, -60, -30)]
    assert spans(rules.outings(way(60), stays)) == [
        ("visit/1", 20, 40, True),
        ("visit/2", 50, 60, False),
    ]
    assert spans(rules.outings(way(60, over=True), stays))[-1] == ("visit/2", 50, 60, True)
    assert spans(rules.outings(way(60), [])) == [("start", 0, 60, False)]
    # What happens after the delivery is not this order's business.
    assert spans(rules.outings(way(30, over=True), stays)) == [("visit/1", 20, 30, True)]


minutes = st.integers(-30, 130)
some_stays = st.lists(
    st.tuples(minutes, st.one_of(st.none(), st.integers(0, 60))).map(
        lambda span: (span[0], None if span[1] is None else span[0] + span[1])
    ),
    max_size=8,
).map(lambda spans: [inside(n, *span) for n, span in enumerate(spans)])


@given(some_stays, st.integers(1, 100), st.booleans(), st.randoms())
def test_a_moment_is_in_an_outing_or_in_a_stay(
    stays: list[Inside], until: int, over: bool, order: object
) -> None:
    found = rules.outings(way(until, over=over), stays)
    for half in range(2 * until):
        moment = at(half / 2 + 0.25)
        stayed = any(s.entered_at <= moment and (s.exited_at is None or moment <= s.exited_at) for s in stays)
        out = sum(o.started_at <= moment < o.until for o in found)
        assert out == (not stayed)
    shuffled = list(stays)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rules.outings(way(until, over=over), shuffled) == found
    assert all(o.ended or (o.until == at(until) and not over) for o in found)


@pytest.mark.parametrize(
    ("lasting", "farthest_m", "passed"),
    [
        (9.9, 100, False),
        (10, 100, True),
        (1, 3000, True),
        (1, 2999, False),
        (9, None, False),
        (10, None, True),
    ],
)
def test_long_or_far_is_worth_an_alert(lasting: float, farthest_m: float | None, passed: bool) -> None:
    outing = Outing("visit/1", START, at(lasting), ended=False)
    assert Limits(10 * MINUTE, 3000).are_passed_by(outing, farthest_m) is passed


def standing(number: int, start: float, end: float | None, *, known: bool = False) -> Standing:
    return Standing(number, at(start), None if end is None else at(end), 14.5, -16.5, known)


def test_of_a_stop_only_what_lies_on_the_way_counts() -> None:
    stops = [
        standing(1, -120, 20),  # loading
        standing(2, 30, 80),
        standing(3, 90, None),
        standing(4, 30, 80, known=True),
        standing(5, 85, 90),
        standing(6, 500, 700),  # unloading, and after it
    ]
    found = rules.unplanned(way(140), stops, 45 * MINUTE)
    assert [each.interval_id for each in found] == [2, 3]
    assert [each.interval_id for each in rules.unplanned(way(120), stops, 45 * MINUTE)] == [2]


def event(cause: str, start: float, end: float | None = None) -> Event:
    return Event(Kind.DEVIATION, cause, at(start), None if end is None else at(end), {})


def told(cause: str, start: float, end: float | None = None, *, withdrawn: bool = False) -> Told:
    return Told(Kind.DEVIATION, cause, at(start), None if end is None else at(end), withdrawn)


def test_what_is_new_changed_and_gone() -> None:
    rows = [told("a", 1), told("b", 2), told("c", 3, 4), told("d", 5, 6), told("e", 7, withdrawn=True)]
    derived = [event("a", 1), event("b", 2, 9), event("c", 3, 4), event("e", 7), event("f", 8)]
    found = rules.compare(rows, derived)
    assert [each.cause for each in found.news] == ["b", "e", "f"]
    assert [each.cause for each in found.growing] == ["a"]
    assert [each.cause for each in found.withdrawn] == ["d"]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9)), unique_by=lambda e: e[0]), st.data())
def test_once_told_there_is_nothing_to_tell(events: list[tuple[str, int]], data: st.DataObject) -> None:
    derived = [event(cause, start, start + 1 if start % 2 else None) for cause, start in events]
    rows = [Told(e.kind, e.cause, e.started_at, e.ended_at, False) for e in derived]
    found = rules.compare(rows, derived)
    assert (found.news, found.withdrawn) == ((), ())
    assert len(rules.compare(rows, []).withdrawn) == len(rows)
