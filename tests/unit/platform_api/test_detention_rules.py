"""The waiting clock and its price by example and by law; who may claim, answer and decide."""

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.actor import Actor, Role
from platform_api.detention import rules
from platform_api.detention.rules import Call, ClaimSnapshot, ClaimStatus, Stay, Terms
from platform_api.errors import PlatformError
from platform_api.orders.rules import OrderStatus

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
# Free for two hours, then 5,000 XOF a started hour, five hours at most: 2 h to 7 h after the appointment.
TERMS = Terms(free_minutes=120, rate_xof=5000, cap_hours=5, claim_hours=24)
CARRIER, SHIPPER = uuid4(), uuid4()
BY_CARRIER = Actor(CARRIER, Role.CARRIER)
BY_SHIPPER = Actor(SHIPPER, Role.SHIPPER)
BY_US = Actor(uuid4(), Role.ADMINISTRATOR)


def at(hours: float | None) -> datetime | None:
    return None if hours is None else NINE + hours * HOUR


def stay(number: int, enter: float, leave: float | None) -> Stay:
    entered = at(enter)
    assert entered is not None
    return Stay(number, entered, at(leave))


def call(
    *stays: Stay,
    arrived: float | None = 0,
    departed: float | None = None,
    opens: float | None = None,
    handed_over: float | None = None,
    known: float | None = None,
) -> Call:
    return Call("pickup", at(opens), at(arrived), at(departed), at(handed_over), at(known), stays)


def waited_h(of: Call, now: float = 100) -> float | None:
    moment = at(now)
    assert moment is not None
    seen = rules.waiting(of, moment)
    return None if seen is None else seen.waited / HOUR


def test_the_clock_begins_with_the_arrival_or_the_appointment_if_that_is_later() -> None:
    assert waited_h(call(stay(1, 0, 4), departed=4)) == 4
    assert waited_h(call(stay(1, 0, 4), departed=4, opens=1)) == 3, "he came an hour early"
    assert waited_h(call(stay(1, 0, 4), departed=4, opens=-2)) == 4, "he came two hours late"
    assert waited_h(call(stay(1, 0, 4), departed=4, opens=6)) == 0, "he left before his appointment"
    assert waited_h(call(arrived=None)) is None


def test_time_away_is_not_waited() -> None:
    of = call(stay(1, 0, 1), stay(2, 3, 5), departed=5)
    assert waited_h(of) == 3
    seen = rules.waiting(of, NINE)
    assert seen is not None
    assert seen.visit_ids == (1, 2)
    # The visit before the appointment proves nothing.
    seen = rules.waiting(call(stay(1, 0, 1), stay(2, 3, 5), departed=5, opens=2), NINE)
    assert seen is not None
    assert seen.visit_ids == (2,)


def test_the_clock_runs_until_the_truck_leaves_or_the_goods_change_hands() -> None:
    assert waited_h(call(stay(1, 0, None)), now=3) == 3
    assert waited_h(call(stay(1, 0, None), handed_over=2), now=3) == 2
    assert waited_h(call(stay(1, 0, 2.5), handed_over=2, departed=2.5), now=3) == 2.5
    running = rules.waiting(call(stay(1, 0, None)), NINE + 3 * HOUR)
    over = rules.waiting(call(stay(1, 0, None), handed_over=2), NINE + 3 * HOUR)
    assert running is not None
    assert over is not None
    assert (running.running, over.running) == (True, False)


@pytest.mark.parametrize(
    ("hours", "billed"),
    [(0, 0), (2, 0), (2.01, 1), (3, 1), (3.01, 2), (6.99, 5), (7, 5), (12, 5)],
)
def test_the_price(hours: float, billed: int) -> None:
    due = rules.bill(TERMS, hours * HOUR)
    assert (due.billed_hours, due.amount_xof) == (billed, billed * 5000)


durations = st.timedeltas(timedelta(0), timedelta(days=3))
some_terms = st.builds(
    Terms, st.integers(0, 600), st.integers(0, 50_000), st.integers(0, 48), st.integers(1, 48)
)


@given(some_terms, durations, durations)
def test_who_waits_longer_is_paid_no_less_and_never_beyond_the_cap(
    terms: Terms, waited: timedelta, more: timedelta
) -> None:
    short, long = rules.bill(terms, waited), rules.bill(terms, waited + more)
    assert 0 <= short.amount_xof <= long.amount_xof <= terms.cap_hours * terms.rate_xof
    if waited <= timedelta(minutes=terms.free_minutes):
        assert short.amount_xof == 0
    else:
        beyond = waited - timedelta(minutes=terms.free_minutes)
        assert short.billed_hours == terms.cap_hours or short.billed_hours * HOUR >= beyond


borders = st.lists(st.integers(0, 500), min_size=2, max_size=10, unique=True).map(sorted)


@given(borders, st.integers(-100, 600), st.integers(0, 600))
def test_never_more_is_waited_than_the_visits_last(minutes: list[int], opens: int, now: int) -> None:
    pairs = list(zip(minutes[::2], minutes[1::2], strict=False))
    stays = [stay(n, enter / 60, leave / 60) for n, (enter, leave) in enumerate(pairs)]
    of = call(*stays, arrived=minutes[0] / 60, departed=pairs[-1][1] / 60, opens=opens / 60)
    seen = rules.waiting(of, NINE + timedelta(minutes=now))
    assert seen is not None
    assert (
        timedelta(0)
        <= seen.waited
        <= sum(((s.exited_at or NINE) - s.entered_at for s in stays), timedelta(0))
    )
    assert seen.waited <= seen.clock_to - seen.clock_from


def outcome(act: object) -> str:
    try:
        act()  # type: ignore[operator]
    except PlatformError as error:
        return error.code
    return "ok"


def claims(of: Call, *, actor: Actor = BY_CARRIER, carrier_id: UUID | None = CARRIER, now: float = 10) -> str:
    moment = at(now)
    assert moment is not None
    return outcome(lambda: rules.claim(actor, carrier_id, TERMS, of, rules.waiting(of, moment), moment))


LONG = call(stay(1, 0, 4), departed=4)


def test_who_claims_what_and_until_when() -> None:
    assert claims(LONG) == "ok"
    assert claims(LONG, now=28) == "ok"
    assert claims(LONG, now=28.1) == "detention_too_late"
    # The departure was told only then.
    assert claims(call(stay(1, 0, 4), departed=4, known=20), now=44) == "ok"
    assert claims(call(stay(1, 0, 4), departed=4, known=20), now=44.1) == "detention_too_late"
    assert claims(call(stay(1, 0, 2), departed=2)) == "detention_not_due"
    assert claims(call(stay(1, 0, None))) == "detention_running"
    assert claims(call(arrived=None)) == "detention_running"
    for stranger in (BY_SHIPPER, BY_US, Actor(uuid4(), Role.CARRIER), Actor(CARRIER, Role.DRIVER)):
        assert claims(LONG, actor=stranger) == "not_your_load"


S = ClaimStatus


@pytest.mark.parametrize(
    ("status", "wanted", "expected"),
    [
        (S.CLAIMED, S.ACCEPTED, True),
        (S.CLAIMED, S.CONTESTED, True),
        (S.CONTESTED, S.ACCEPTED, True),
        (S.ACCEPTED, S.ACCEPTED, False),
        (S.CONTESTED, S.CONTESTED, False),
        (S.ACCEPTED, S.CONTESTED, "claim_answered"),
        (S.SETTLED, S.ACCEPTED, "claim_answered"),
        (S.SETTLED, S.CONTESTED, "claim_answered"),
    ],
)
def test_the_shipper_answers(status: ClaimStatus, wanted: ClaimStatus, expected: bool | str) -> None:
    claim = ClaimSnapshot(status, SHIPPER, 10_000)
    if isinstance(expected, str):
        assert outcome(lambda: rules.answer(claim, BY_SHIPPER, wanted)) == expected
    else:
        assert rules.answer(claim, BY_SHIPPER, wanted) is expected
    assert outcome(lambda: rules.answer(claim, BY_CARRIER, wanted)) == "not_your_order"


@pytest.mark.parametrize(
    ("status", "amount", "expected"),
    [
        (S.CONTESTED, 0, "ok"),
        (S.CONTESTED, 10_000, "ok"),
        (S.CONTESTED, 10_001, "settlement_too_high"),
        (S.SETTLED, 0, "ok"),
        (S.CLAIMED, 0, "claim_not_contested"),
        (S.ACCEPTED, 0, "claim_not_contested"),
    ],
)
def test_an_administrator_decides(status: ClaimStatus, amount: int, expected: str) -> None:
    claim = ClaimSnapshot(status, SHIPPER, 10_000)
    assert outcome(lambda: rules.settle(claim, BY_US, amount)) == expected
    for party in (BY_SHIPPER, BY_CARRIER):
        assert outcome(partial(rules.settle, claim, party, amount)) == "role_not_allowed"


@pytest.mark.parametrize("status", list(OrderStatus))
def test_terms_stand_once_there_may_be_a_bid(status: OrderStatus) -> None:
    expected = "ok" if status in ("DRAFT", "POSTED") else "terms_fixed"
    assert outcome(lambda: rules.may_set_order_terms(BY_SHIPPER, SHIPPER, status)) == expected
    assert outcome(lambda: rules.may_set_order_terms(BY_CARRIER, SHIPPER, status)) == "not_your_order"


def test_a_claim_is_revised_by_a_minute_or_an_hours_pay() -> None:
    def revised(seconds: int, hours: int) -> bool:
        return rules.is_revised(14_400, 2, timedelta(seconds=seconds), hours)

    assert not revised(14_400, 2)
    assert not revised(14_459, 2)
    assert revised(14_460, 2)
    assert revised(14_401, 3)


def test_of_all_visits_those_of_the_call() -> None:
    stays = [stay(1, -5, -4), stay(2, -1, 1), stay(3, 2, 3), stay(4, 5, None)]
    assert [s.visit_id for s in rules.visits_of(NINE, at(3), stays)] == [2, 3]
    assert [s.visit_id for s in rules.visits_of(NINE, None, stays)] == [2, 3, 4]
