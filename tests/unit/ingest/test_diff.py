"""From the visits that were told and the visits that pings show now to what has to be told."""

import pytest

from geofence.crossings import FenceState, Fix, Transition
from ingest.diff import (
    StoredVisit,
    Told,
    Visit,
    VisitChange,
    diff,
    in_scope,
    told,
    visits_of,
)
from ingest.state import VehicleState

US = 1_000_000


def fix(time_us: int) -> Fix:
    return Fix(time_us, -17.4, 14.7, None, 1)


def stored(
    visit_id: int, entered: int, exited: int | None, *, fence: int = 1, inferred: bool = False
) -> StoredVisit:
    return StoredVisit(visit_id, fence, entered, exited, inferred)


def visit(entered: int, exited: int | None, *, fence: int = 1, inferred: bool = False) -> Visit:
    return Visit(
        fence, entered, exited, entered, inferred, fix(entered), None if exited is None else fix(exited)
    )


def summary(changes: list[VisitChange]) -> list[tuple[str, int | None, tuple[int, int | None] | None]]:
    return [
        (
            c.change,
            c.stored.id if c.stored else None,
            (c.visit.entered_us, c.visit.exited_us) if c.visit else None,
        )
        for c in changes
    ]


def test_the_same_visits_change_nothing() -> None:
    assert diff([stored(1, 10, 20), stored(2, 30, None)], [visit(10, 20), visit(30, None)]) == []


def test_what_is_new_is_created_and_what_is_gone_is_retracted() -> None:
    assert summary(diff([stored(1, 10, 20)], [visit(50, 60)])) == [
        ("retracted", 1, None),
        ("created", None, (50, 60)),
    ]


def test_another_exit_revises_the_visit_with_the_same_entry() -> None:
    assert summary(diff([stored(1, 10, 20)], [visit(10, 25)])) == [("revised", 1, (10, 25))]


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ((10, 20), (5, 12), True),
        ((10, 20), (12, 15), True),
        ((10, 20), (20, 30), True),
        ((10, 20), (21, 30), False),
        ((10, None), (5, 50), True),
        ((10, None), (2, 9), False),
        ((10, 20), (15, None), True),
        ((10, 20), (21, None), False),
        ((10, None), (50, None), True),
    ],
)
def test_overlap_in_time_makes_it_the_same_visit(
    before: tuple[int, int | None], after: tuple[int, int | None], same: bool
) -> None:
    changes = diff([stored(1, *before)], [visit(*after)])
    assert [c.change for c in changes] == (["revised"] if same else ["retracted", "created"])


def test_one_visit_that_was_two_keeps_the_first_and_retracts_the_second() -> None:
    changes = summary(diff([stored(1, 10, 20), stored(2, 30, 40)], [visit(10, 40)]))
    assert changes == [("revised", 1, (10, 40)), ("retracted", 2, None)]


def test_two_visits_that_were_one_revise_it_and_create_the_second() -> None:
    changes = summary(diff([stored(1, 10, 40)], [visit(10, 20), visit(30, 40)]))
    assert changes == [("revised", 1, (10, 20)), ("created", None, (30, 40))]


def test_the_same_entry_goes_before_an_overlap() -> None:
    """(15, 40) overlaps the stored visit too, but the one that begins with it is the same."""
    changes = summary(diff([stored(1, 20, 40)], [visit(15, 18), visit(20, 30)]))
    assert changes == [("revised", 1, (20, 30)), ("created", None, (15, 18))]


def test_a_stored_visit_is_paired_once() -> None:
    changes = summary(diff([stored(1, 10, 100)], [visit(12, 20), visit(30, 40)]))
    assert changes == [("revised", 1, (12, 20)), ("created", None, (30, 40))]


def test_fences_do_not_mix() -> None:
    changes = diff([stored(1, 10, 20, fence=1)], [visit(10, 20, fence=2)])
    assert [
        (c.change, c.stored.geofence_id if c.stored else c.visit and c.visit.geofence_id) for c in changes
    ] == [
        ("retracted", 1),
        ("created", 2),
    ]


def test_inferred_times_that_turn_out_seen_are_a_revision_that_tells_no_new_time() -> None:
    (change,) = diff([stored(1, 10, 20, inferred=True)], [visit(10, 20)])
    assert change.change == "revised"
    assert told(change) == []


@pytest.mark.parametrize(
    ("before", "after", "rows"),
    [
        (None, (10, None), [Told("enter", "created", 10, None)]),
        (None, (10, 20), [Told("enter", "created", 10, None), Told("exit", "created", 20, None)]),
        ((10, None), (10, 20), [Told("exit", "created", 20, None)]),
        ((10, 20), (10, 25), [Told("exit", "revised", 25, 20)]),
        ((10, 20), (8, 20), [Told("enter", "revised", 8, 10)]),
        ((10, 20), (8, 25), [Told("enter", "revised", 8, 10), Told("exit", "revised", 25, 20)]),
        ((10, 20), (10, None), [Told("exit", "retracted", 20, None)]),
        ((10, 20), None, [Told("enter", "retracted", 10, None), Told("exit", "retracted", 20, None)]),
        ((10, None), None, [Told("enter", "retracted", 10, None)]),
    ],
)
def test_what_is_told(
    before: tuple[int, int | None] | None, after: tuple[int, int | None] | None, rows: list[Told]
) -> None:
    (change,) = diff([stored(1, *before)] if before else [], [visit(*after)] if after else [])
    assert told(change) == rows


def transition(kind: str, entered: int, time: int, *, inferred: bool = False) -> Transition:
    return Transition(kind, entered, time, fix(time), time - 1, inferred)  # type: ignore[arg-type]


class TestVisitsOf:
    def test_entries_and_exits_make_visits(self) -> None:
        made = visits_of(
            {},
            [
                (1, transition("enter", 10, 10)),
                (1, transition("exit", 10, 20)),
                (1, transition("enter", 30, 30)),
            ],
        )
        assert [(v.entered_us, v.exited_us, v.inferred) for v in made] == [(10, 20, False), (30, None, False)]
        assert made[0].exit_fix == fix(20)
        assert made[0].enter_fix == fix(10)

    def test_a_visit_open_in_the_state_is_carried_on(self) -> None:
        fences = {1: FenceState(fix(5), True, 3, 8), 2: FenceState(fix(6), False, 1, 6)}
        made = visits_of(fences, [(1, transition("exit", 5, 20))])
        assert [(v.geofence_id, v.entered_us, v.exited_us) for v in made] == [(1, 5, 20)]
        assert [(v.geofence_id, v.exited_us) for v in visits_of(fences, [])] == [(1, None)]

    def test_an_inferred_exit_makes_the_visit_inferred(self) -> None:
        made = visits_of(
            {}, [(1, transition("enter", 10, 10)), (1, transition("exit", 10, 20, inferred=True))]
        )
        assert made[0].inferred


class TestScope:
    """Which stored visits a refold may touch."""

    def test_without_a_snapshot_those_from_the_first_ping_on(self) -> None:
        decide = in_scope(None, [1], 100)
        assert [decide(stored(n, entered, None)) for n, entered in enumerate((99, 100, 101))] == [
            False,
            True,
            True,
        ]

    def test_with_a_snapshot_those_after_it(self) -> None:
        state = VehicleState(key=(200, 0, 1), last=fix(200))
        decide = in_scope(state, [1], 100)
        assert [decide(stored(n, entered, None)) for n, entered in enumerate((200, 201))] == [False, True]

    def test_and_those_it_holds_open_or_as_candidates(self) -> None:
        fences = {1: FenceState(fix(50), True, 1, 60), 2: FenceState(fix(70), False, 1, 70)}
        decide = in_scope(VehicleState(key=(200, 0, 1), last=fix(200), fences=fences), [1, 2, 3], 100)
        assert decide(stored(1, 50, None, fence=1))
        assert not decide(stored(2, 49, 50, fence=1))
        assert decide(stored(3, 70, None, fence=2))
        assert not decide(stored(4, 70, 80, fence=3))

    def test_never_those_of_fences_that_are_no_longer_judged(self) -> None:
        assert not in_scope(None, [2], 0)(stored(1, 100, None, fence=1))
