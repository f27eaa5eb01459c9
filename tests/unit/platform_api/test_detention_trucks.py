"""Waiting of several trucks, one after the other: together they wait as one truck with all their visits would."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from platform_api.detention import rules
from platform_api.detention.rules import Call, Stay, Stint, Terms
from platform_api.orders.progress import Place, Visit, arrival

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
REAL = timedelta(minutes=5)
TERMS = Terms(free_minutes=120, rate_xof=5000, cap_hours=5, claim_hours=24)
NOW = NINE + timedelta(days=3)


def at(minutes: float) -> datetime:
    return NINE + minutes * MINUTE


def stay(number: int, enter: float, leave: float | None, vehicle_id: int = 1) -> Stay:
    return Stay(number, at(enter), None if leave is None else at(leave), vehicle_id)


def call(
    arrived_at: datetime | None,
    stays: list[Stay],
    departed_at: datetime | None,
    opens_at: datetime | None = None,
    former: tuple[Stay, ...] = (),
) -> Call:
    """As the service puts it together."""
    first = rules.arrived_first(arrived_at, former, REAL)
    counting = () if first is None else rules.visits_of(first, departed_at, [*former, *stays])
    return Call("pickup", opens_at, first, departed_at, None, None, counting)


def test_two_trucks_wait_one_after_the_other() -> None:
    stint = Stint(1, 11, at(-60), at(100))
    former = rules.during(stint, [stay(1, 0, None)])
    seen = rules.waiting(call(at(130), [stay(2, 130, 200, 2)], at(200), former=former), NOW)
    assert seen is not None
    assert (seen.clock_from, seen.waited) == (at(0), 170 * MINUTE)
    assert {truck: sum((s.waited for s in spans), 0 * MINUTE) for truck, spans in seen.by_truck.items()} == {
        1: 100 * MINUTE,
        2: 70 * MINUTE,
    }
    # Neither of them alone was there for longer than the free time.
    assert rules.bill(TERMS, seen.waited).billed_hours == 1


def test_what_a_truck_does_before_and_after_its_time_on_the_order_is_none_of_its_business() -> None:
    stint = Stint(1, 11, at(10), at(100))
    stays = [stay(1, 0, 5), stay(2, 20, 30), stay(3, 90, 300), stay(4, 120, 200)]
    assert rules.during(stint, stays) == (stay(2, 20, 30), stay(3, 90, 100))


def test_a_truck_that_merely_came_by_does_not_begin_the_clock() -> None:
    assert rules.arrived_first(at(50), [stay(1, 0, 3)], REAL) == at(50)
    assert rules.arrived_first(at(50), [stay(1, 0, 6)], REAL) == at(0)
    assert rules.arrived_first(None, [stay(1, 0, 3), stay(2, 7, 8)], REAL) == at(7)
    assert rules.arrived_first(None, [], REAL) is None


def test_no_moment_is_waited_twice() -> None:
    seen = rules.waiting(call(at(0), [stay(1, 0, 60), stay(2, 30, 90), stay(3, 40, 50)], at(90)), NOW)
    assert seen is not None
    assert seen.waited == 90 * MINUTE
    assert seen.visit_ids == (1, 2)


@st.composite
def visits(draw: st.DrawFn) -> list[tuple[float, float]]:
    """(enter, leave) of visits to one fence, one after the other, in minutes."""
    found, time = [], 0.0
    for _ in range(draw(st.integers(1, 7))):
        enter = time + draw(st.integers(1, 90))
        time = enter + draw(st.integers(1, 200))
        found.append((enter, time))
    return found


@given(
    visits(),
    st.lists(st.integers(0, 6), max_size=3),
    st.booleans(),
    st.one_of(st.none(), st.integers(-50, 600)),
)
def test_the_sum_over_trucks_is_what_one_truck_would_have_waited(
    times: list[tuple[float, float]], cuts: list[int], departed: bool, opens: int | None
) -> None:
    """`cuts`: after which visits another truck takes over; the last one loads at its last visit, or not yet."""
    opens_at = None if opens is None else at(opens)
    borders = sorted({cut for cut in cuts if cut < len(times) - 1})
    all_stays, truck = [], 1
    for number, (enter, leave) in enumerate(times):
        all_stays.append(stay(number, enter, leave, truck))
        truck += number in borders
    present = all_stays[-1].vehicle_id
    own = [each for each in all_stays if each.vehicle_id == present]
    departed_at = own[-1].exited_at if departed else None

    def arrived(stays: list[Stay]) -> datetime | None:
        told = [Visit(each.visit_id, Place.PICKUP, each.entered_at, each.exited_at) for each in stays]
        found = arrival(told, told[-1] if departed else None, REAL)
        return None if found is None else found.at

    former: list[Stay] = []
    since = at(-1)
    for border in borders:
        until = at(times[border][1])
        vehicle_id = all_stays[border].vehicle_id
        assert vehicle_id is not None
        theirs = [each for each in all_stays if each.vehicle_id == vehicle_id]
        former += rules.during(Stint(vehicle_id, 11, since, until), theirs)
        since = until
    several = rules.waiting(call(arrived(own), own, departed_at, opens_at, tuple(former)), NOW)
    as_one = [replace(each, vehicle_id=1) for each in all_stays]
    one = rules.waiting(call(arrived(as_one), as_one, departed_at, opens_at), NOW)
    assert several is not None
    assert one is not None
    assert (several.clock_from, several.clock_to, several.running) == (
        one.clock_from,
        one.clock_to,
        one.running,
    )
    assert several.waited == one.waited
    assert rules.bill(TERMS, several.waited) == rules.bill(TERMS, one.waited)
    shares = [span.waited for spans in several.by_truck.values() for span in spans]
    assert sum(shares, timedelta(0)) == one.waited
