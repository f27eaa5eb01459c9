"""Visits to status and times: the plain cases, then the law that the order of arrival does not matter."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.orders.progress import (
    MILESTONES,
    Change,
    Derived,
    Facts,
    Place,
    Visit,
    derive,
    diff,
    is_early_departure,
)
from platform_api.orders.rules import TRANSITIONS, UNDERWAY, Action, OrderStatus

S = OrderStatus
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
STAY = timedelta(minutes=5)
FACTS = Facts(assigned_at=START)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def pickup(enter: float, leave: float | None = None, *, number: int = 1, inferred: bool = False) -> Visit:
    return Visit(number, Place.PICKUP, at(enter), None if leave is None else at(leave), inferred)


def delivery(enter: float, leave: float | None = None, *, number: int = 2, inferred: bool = False) -> Visit:
    return Visit(number, Place.DELIVERY, at(enter), None if leave is None else at(leave), inferred)


def times(derived: Derived) -> dict[str, float | None]:
    """Milestones in minutes after START."""
    found = {name: getattr(derived, name) for name in MILESTONES}
    return {name: None if m is None else (m.at - START) / timedelta(minutes=1) for name, m in found.items()}


def outcome(visits: Sequence[Visit], facts: Facts = FACTS) -> tuple[OrderStatus, tuple[float | None, ...]]:
    derived = derive(facts, visits, STAY)
    return derived.status, tuple(times(derived).values())


@pytest.mark.parametrize(
    ("visits", "status", "expected"),
    [
        ([], S.ASSIGNED, (None, None, None, None, None)),
        ([pickup(10)], S.PICKUP_PENDING, (10, None, None, None, None)),
        ([pickup(10, 14.9)], S.PICKUP_PENDING, (10, None, None, None, None)),
        ([pickup(10, 15)], S.IN_TRANSIT, (10, 15, 15, None, None)),
        ([pickup(10, 40), delivery(90)], S.IN_TRANSIT, (10, 40, 40, 90, None)),
        ([pickup(10, 40), delivery(90, 120)], S.IN_TRANSIT, (10, 40, 40, 90, 120)),
        # passes are no stays
        ([pickup(10, 40, inferred=True)], S.ASSIGNED, (None, None, None, None, None)),
        ([pickup(10, 40), delivery(90, 120, inferred=True)], S.IN_TRANSIT, (10, 40, 40, None, None)),
        # before the assignment
        ([pickup(-10, 40)], S.ASSIGNED, (None, None, None, None, None)),
        # delivery without goods
        ([delivery(5, 9)], S.ASSIGNED, (None, None, None, None, None)),
        ([pickup(10), delivery(90)], S.PICKUP_PENDING, (10, None, None, None, None)),
        ([delivery(2, 8), pickup(10, 40)], S.IN_TRANSIT, (10, 40, 40, None, None)),
        # left early, came back
        ([pickup(10, 12), pickup(30, number=3)], S.PICKUP_PENDING, (30, None, None, None, None)),
        ([pickup(10, 12), pickup(30, 50, number=3)], S.IN_TRANSIT, (30, 50, 50, None, None)),
        # back at the pickup after the loading: the first departure stands
        ([pickup(10, 40), pickup(45, 60, number=3)], S.IN_TRANSIT, (10, 40, 40, None, None)),
        # overlapping fences: in the delivery fence before leaving the pickup
        ([pickup(10, 40), delivery(35, 60)], S.IN_TRANSIT, (10, 40, 40, 40, 60)),
    ],
)
def test_visits_alone(visits: list[Visit], status: OrderStatus, expected: tuple[float | None, ...]) -> None:
    assert outcome(visits) == (status, expected)


@pytest.mark.parametrize(
    ("visits", "confirmed", "status", "expected"),
    [
        ([], 20, S.PICKED_UP, (None, 20, None, None, None)),
        ([pickup(10)], 20, S.PICKED_UP, (10, 20, None, None, None)),
        ([pickup(10, 12)], 11, S.IN_TRANSIT, (10, 11, 12, None, None)),
        # a short visit that was over before proves no departure
        ([pickup(10, 12)], 20, S.PICKED_UP, (10, 20, None, None, None)),
        # confirmed on the road, after a real stay
        ([pickup(10, 40)], 55, S.IN_TRANSIT, (10, 55, 40, None, None)),
        # the tracker was silent at the loading
        ([pickup(30, 32)], 20, S.IN_TRANSIT, (30, 20, 32, None, None)),
        ([delivery(90)], 20, S.IN_TRANSIT, (None, 20, None, 90, None)),
        # sent away after a real stay, loaded at the second visit: waiting began at the first
        ([pickup(10, 40), pickup(100, 130, number=3)], 120, S.IN_TRANSIT, (10, 120, 130, None, None)),
    ],
)
def test_loading_confirmed(
    visits: list[Visit], confirmed: float, status: OrderStatus, expected: tuple[float | None, ...]
) -> None:
    assert outcome(visits, replace(FACTS, loading_confirmed_at=at(confirmed))) == (status, expected)


def test_delivered_order_keeps_its_arrival_when_the_pickup_is_retracted() -> None:
    delivered = replace(FACTS, delivered_at=at(100))
    assert outcome([delivery(90, 120)], delivered)[1] == (None, None, None, 90, 120)


def test_departure_is_that_of_the_visit_of_the_proof_and_arrival_the_first_real_one() -> None:
    visits = [pickup(10, 40), delivery(90, 150), delivery(600, 640, number=3)]
    assert outcome(visits)[1][3:] == (90, 150)
    assert outcome(visits, replace(FACTS, delivered_at=at(620)))[1][3:] == (90, 640)


def rows(changes: Sequence[Change]) -> list[tuple[Action, OrderStatus, OrderStatus]]:
    return [(change.action, change.from_status, change.to_status) for change in changes]


def told(derived: Derived) -> dict[str, datetime | None]:
    found = {name: getattr(derived, name) for name in MILESTONES}
    return {name: None if m is None else m.at for name, m in found.items()}


def step(before: Sequence[Visit], after: Sequence[Visit], facts: Facts = FACTS) -> list[Change]:
    was = derive(facts, before, STAY)
    return diff(was.status, told(was), derive(facts, after, STAY), after)


def test_leaving_after_a_real_stay_writes_two_rows() -> None:
    changes = step([pickup(10)], [pickup(10, 40)])
    assert rows(changes) == [
        (Action.PICKED_UP, S.PICKUP_PENDING, S.PICKED_UP),
        (Action.DEPARTED_PICKUP, S.PICKED_UP, S.IN_TRANSIT),
    ]
    assert [change.proof.visit_id for change in changes if change.proof] == [1, 1]


def test_everything_at_once_is_told_in_order() -> None:
    changes = step([], [pickup(10, 40), delivery(90)])
    assert rows(changes) == [
        (Action.ARRIVED_PICKUP, S.ASSIGNED, S.PICKUP_PENDING),
        (Action.PICKED_UP, S.PICKUP_PENDING, S.PICKED_UP),
        (Action.DEPARTED_PICKUP, S.PICKED_UP, S.IN_TRANSIT),
        (Action.ARRIVED_DELIVERY, S.IN_TRANSIT, S.IN_TRANSIT),
    ]


def test_revision_corrects_times_in_one_row() -> None:
    (change,) = step([pickup(10, 40)], [pickup(8, 42)])
    assert rows([change]) == [(Action.VISIT_REVISED, S.IN_TRANSIT, S.IN_TRANSIT)]
    assert {(c.milestone, c.old, c.new) for c in change.corrections} == {
        ("arrived_pickup", at(10), at(8)),
        ("picked_up", at(40), at(42)),
        ("departed_pickup", at(40), at(42)),
    }


def test_stay_revised_to_a_short_one_takes_the_loading_back() -> None:
    assert rows(step([pickup(10, 40)], [pickup(10, 12)])) == [
        (Action.VISIT_REVISED, S.IN_TRANSIT, S.PICKUP_PENDING)
    ]


def test_retraction_takes_back_what_nobody_confirmed() -> None:
    assert rows(step([pickup(10)], [])) == [(Action.VISIT_RETRACTED, S.PICKUP_PENDING, S.ASSIGNED)]
    assert rows(step([pickup(10, 40)], [])) == [(Action.VISIT_RETRACTED, S.IN_TRANSIT, S.ASSIGNED)]
    confirmed = replace(FACTS, loading_confirmed_at=at(20))
    assert rows(step([pickup(10)], [], confirmed)) == [(Action.VISIT_RETRACTED, S.PICKED_UP, S.PICKED_UP)]


def test_another_visit_that_counts_is_not_called_a_revision() -> None:
    changes = step([pickup(10, 12)], [pickup(10, 12), pickup(30, number=3)])
    assert rows(changes) == [(Action.VISIT_SUPERSEDED, S.PICKUP_PENDING, S.PICKUP_PENDING)]


@pytest.mark.parametrize("status", [S.DELIVERED, S.COMPLETED, S.DISPUTED, S.RESOLVED])
def test_what_people_confirmed_stands(status: OrderStatus) -> None:
    was = derive(FACTS, [pickup(10, 40), delivery(90)], STAY)
    facts = replace(FACTS, delivered_at=at(100))
    (change,) = diff(status, told(was), derive(facts, [delivery(90)], STAY), [delivery(90)])
    assert rows([change]) == [(Action.VISIT_RETRACTED, status, status)]


def test_early_departure_is_noted_once_loading_is_not_confirmed() -> None:
    assert is_early_departure(pickup(10, 12), S.PICKUP_PENDING, STAY)
    assert not is_early_departure(pickup(10, 12), S.PICKED_UP, STAY)
    assert not is_early_departure(pickup(10, 15), S.PICKUP_PENDING, STAY)
    assert not is_early_departure(pickup(10), S.PICKUP_PENDING, STAY)
    assert not is_early_departure(pickup(10, 12, inferred=True), S.PICKUP_PENDING, STAY)
    assert not is_early_departure(delivery(10, 12), S.PICKUP_PENDING, STAY)


class Story:
    """An order as the service keeps it: handles what becomes known, one thing at a time."""

    def __init__(self) -> None:
        self.status = S.ASSIGNED
        self.told: dict[str, datetime | None] = dict.fromkeys(MILESTONES)
        self.facts = FACTS
        self.visits: dict[int, Visit] = {}

    def refresh(self) -> None:
        visits = list(self.visits.values())
        derived = derive(self.facts, visits, STAY)
        for change in diff(self.status, self.told, derived, visits):
            assert change.from_status is self.status
            if change.to_status is not self.status:
                assert change.to_status in TRANSITIONS[self.status], change
            self.status = change.to_status
        self.told = told(derived)
        assert not diff(self.status, self.told, derived, visits)
        if self.status in UNDERWAY:
            assert self.status is derived.status

    def learn(self, fact: Visit | int | datetime) -> None:
        """A visit as it stands now, the number of one that never was, or the driver's confirmation."""
        if isinstance(fact, Visit):
            self.visits[fact.id] = fact
        elif isinstance(fact, int):
            self.visits.pop(fact, None)
        elif self.facts.loading_confirmed_at is None:
            self.facts = replace(self.facts, loading_confirmed_at=fact)
            self.told["picked_up"] = fact
            if self.status in (S.ASSIGNED, S.PICKUP_PENDING):
                self.status = S.PICKED_UP
        self.refresh()

    def end(self) -> tuple[OrderStatus, Mapping[str, datetime | None]]:
        return self.status, self.told


def _visit(number: int, place: Place, enter: int, stay: int | None, inferred: bool) -> Visit:
    return Visit(number, place, at(enter), None if stay is None else at(enter + stay), inferred)


def _visits_of(place: Place, first: int) -> st.SearchStrategy[list[Visit]]:
    one = st.tuples(
        st.integers(-20, 400),
        st.one_of(st.none(), st.integers(0, 30)),
        st.sampled_from([False, False, False, True]),
    )
    return st.lists(one, max_size=3, unique_by=lambda item: item[0]).map(
        lambda items: [_visit(first + n, place, *item) for n, item in enumerate(items)]
    )


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Visit], datetime | None, list[Visit | int | datetime]]:
    """The visits that are true in the end, the confirmation, and any way in which they become known."""
    visits = draw(_visits_of(Place.PICKUP, 1)) + draw(_visits_of(Place.DELIVERY, 11))
    confirmed = draw(st.one_of(st.none(), st.integers(0, 400).map(at)))
    enters = [replace(visit, exited_at=None) for visit in visits]
    ghosts = draw(_visits_of(Place.PICKUP, 21)) + draw(_visits_of(Place.DELIVERY, 31))
    revised = [
        replace(v, entered_at=v.entered_at + timedelta(minutes=draw(st.integers(-3, 3)))) for v in visits
    ]
    heard = [*enters, *ghosts, *revised, *visits]
    noise: list[Visit | int | datetime] = list(draw(st.permutations(heard)))
    if confirmed:
        noise.insert(draw(st.integers(0, len(noise))), confirmed)
    truth: list[Visit | int | datetime] = [*visits, *(ghost.id for ghost in ghosts)]
    return visits, confirmed, [*noise, *draw(st.permutations(truth)), *draw(st.permutations(visits))]


@given(stories())
def test_any_order_of_arrival_ends_in_the_same_status_and_times(
    story: tuple[list[Visit], datetime | None, list[Visit | int | datetime]],
) -> None:
    visits, confirmed, heard = story
    order = Story()
    for fact in heard:
        order.learn(fact)
    expected = derive(replace(FACTS, loading_confirmed_at=confirmed), visits, STAY)
    assert order.end() == (expected.status, told(expected))


@given(stories())
def test_times_run_forward_and_every_milestone_has_its_reason(
    story: tuple[list[Visit], datetime | None, list[Visit | int | datetime]],
) -> None:
    visits, confirmed, _ = story
    derived = derive(replace(FACTS, loading_confirmed_at=confirmed), visits, STAY)
    found = [getattr(derived, name) for name in MILESTONES]
    by_id = {visit.id: visit for visit in visits}
    for milestone in found:
        if milestone is not None and milestone.visit_id is not None:
            visit = by_id[milestone.visit_id]
            assert not visit.inferred
            assert visit.entered_at >= FACTS.assigned_at
    if derived.departed_pickup and derived.arrived_delivery:
        assert derived.departed_pickup.at <= derived.arrived_delivery.at
    if derived.arrived_delivery and derived.departed_delivery:
        assert derived.arrived_delivery.at <= derived.departed_delivery.at
    if confirmed is None and derived.picked_up:
        assert derived.picked_up == derived.departed_pickup
