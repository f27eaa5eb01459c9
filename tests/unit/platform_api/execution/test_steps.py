"""A driver's steps, read off what happened."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from platform_api.execution.steps import OrderFacts, Spot, StepKind, StepState, StopFacts, steps_of, urgency
from platform_api.orders.rules import OrderStatus

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
PICKUP, THIES = (
    Spot("Port de Dakar", 14.68, -17.43, contact_phone="+221771234567"),
    Spot("Thiès", 14.79, -16.93),
)
DELIVERY = Spot("Kaolack", 14.17, -16.08)
FRESH = OrderFacts(PICKUP, DELIVERY, NOW + HOUR)
WITH_STOP = replace(FRESH, stops=[StopFacts(1, "delivery", THIES)])


def current(order: OrderFacts, now: datetime = NOW) -> StepKind | None:
    found = [step.kind for step in steps_of(order, now) if step.state is StepState.CURRENT]
    assert len(found) <= 1
    return found[0] if found else None


def test_a_load_with_a_stop() -> None:
    steps = steps_of(WITH_STOP, NOW)
    assert [step.kind for step in steps] == [
        "answer", "drive_to_pickup", "load", "drive_to_stop", "work_at_stop", "drive_to_delivery", "deliver",
    ]  # fmt: skip
    assert [step.state for step in steps] == ["current", *["next"] * 6]
    assert [step.stop for step in steps] == [None, None, None, 1, 1, None, None]
    assert steps[0].until == NOW + HOUR
    assert steps[2].needs == ("photos", "seals", "weight_kg", "packages")
    assert steps[-1].needs == ("receiver_name", "photos", "signature")
    assert steps_of(replace(FRESH, code_required=True), NOW)[-1].needs[-1] == "code"
    assert steps[1].spot == PICKUP


def test_one_after_the_other() -> None:
    order = WITH_STOP
    stop = order.stops[0]
    for change, then in (
        ({}, "answer"),
        ({"answered_at": NOW}, "drive_to_pickup"),
        ({"arrived_pickup_at": NOW}, "load"),
        ({"picked_up_at": NOW}, "drive_to_stop"),
        ({"stops": [replace(stop, arrived_at=NOW)]}, "work_at_stop"),
        ({"stops": [replace(stop, arrived_at=NOW, departed_at=NOW)]}, "drive_to_delivery"),
        ({"arrived_delivery_at": NOW}, "deliver"),
        ({"delivered_at": NOW}, None),
    ):
        order = replace(order, **change)
        assert current(order) == then


def test_silence_is_acceptance() -> None:
    assert current(FRESH, NOW + HOUR) is StepKind.ANSWER
    steps = steps_of(FRESH, NOW + 2 * HOUR)
    assert (steps[0].state, steps[0].at, steps[1].state) == (StepState.DONE, None, StepState.CURRENT)


def test_what_the_driver_says_and_what_later_things_say() -> None:
    assert current(replace(FRESH, stated={"pickup": NOW})) is StepKind.LOAD
    assert current(replace(WITH_STOP, stated={"1": NOW})) is StepKind.WORK_AT_STOP
    assert current(replace(FRESH, stated={"delivery": NOW})) is StepKind.DELIVER
    steps = steps_of(replace(WITH_STOP, picked_up_at=NOW), NOW)
    assert [(step.state, step.at) for step in steps[:3]] == [("done", None), ("done", None), ("done", NOW)]


TIMES = st.none() | st.just(NOW)


@given(
    st.builds(
        OrderFacts,
        st.just(PICKUP),
        st.just(DELIVERY),
        st.sampled_from([NOW - HOUR, NOW + HOUR]),
        stops=st.lists(
            st.builds(StopFacts, st.integers(1, 20), st.just("pickup"), st.just(THIES), TIMES, TIMES),
            max_size=3,
        ),
        answered_at=TIMES,
        arrived_pickup_at=TIMES,
        picked_up_at=TIMES,
        arrived_delivery_at=TIMES,
        delivered_at=TIMES,
    )
)
def test_done_then_one_current_then_next(order: OrderFacts) -> None:
    steps = steps_of(order, NOW)
    states = [step.state for step in steps]
    done = states.count(StepState.DONE)
    assert (
        states == [StepState.DONE] * done + [StepState.CURRENT, *[StepState.NEXT] * 20][: len(states) - done]
    )
    assert all(step.state is StepState.DONE for step in steps if step.at is not None)
    assert (current(order) is None) == (order.delivered_at is not None)


def test_what_he_is_at_comes_first() -> None:
    told = [
        urgency(OrderStatus.IN_TRANSIT, NOW + 9 * HOUR, NOW),
        urgency(OrderStatus.PICKUP_PENDING, None, NOW),
        urgency(OrderStatus.ASSIGNED, NOW + HOUR, NOW + 2 * HOUR),
        urgency(OrderStatus.ASSIGNED, None, NOW + 2 * HOUR),
    ]
    assert told == sorted(told)
