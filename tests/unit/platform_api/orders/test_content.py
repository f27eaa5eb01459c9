"""What a shipper may say of an order, and what cannot be meant together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.errors import Conflict, Invalid
from platform_api.orders.content import (
    DEFAULT_ON_MARKET,
    MAX_AHEAD,
    MAX_STOPS,
    MAX_WINDOW,
    Call,
    Content,
    Goods,
    Need,
    Site,
    Stop,
    Window,
    check_content,
    contact_of,
    expiry_at_posting,
)

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
SITE = Site("Port", 14.68, -17.43, {})
PLAIN = Content(Goods("Riz"), Call(SITE), Call(SITE))


def at(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def call(opens: float | None, closes: float | None) -> Call:
    return Call(SITE, Window(None if opens is None else at(opens), None if closes is None else at(closes)))


def refused(content: Content) -> str:
    with pytest.raises(Invalid) as caught:
        check_content(content, NOW)
    return caught.value.code


def test_plain_words_are_enough() -> None:
    check_content(PLAIN, NOW)


COLD, HAZARD = frozenset({Need.REFRIGERATED}), frozenset({Need.HAZARDOUS})


@pytest.mark.parametrize(
    ("goods", "code"),
    [
        (Goods("Poisson", needs=COLD), "temperature_needed"),
        (Goods("Poisson", needs=COLD, temperature_min_c=-20), "temperature_needed"),
        (Goods("Poisson", temperature_min_c=-20, temperature_max_c=-18), "temperature_needed"),
        (Goods("Poisson", temperature_min_c=-20), "temperature_needed"),
        (Goods("Poisson", needs=COLD, temperature_min_c=4, temperature_max_c=2), "temperature_range"),
        (Goods("Essence", needs=HAZARD), "un_number_needed"),
        (Goods("Essence", un_number="1203"), "un_number_needed"),
        (Goods("Essence", needs=HAZARD, un_number="0000"), "un_number_unknown"),
    ],
)
def test_needs_come_with_what_they_need(goods: Goods, code: str) -> None:
    assert refused(replace(PLAIN, goods=goods)) == code


def test_needs_that_say_all() -> None:
    check_content(
        replace(PLAIN, goods=Goods("Poisson", needs=COLD, temperature_min_c=-20, temperature_max_c=-18)), NOW
    )
    check_content(replace(PLAIN, goods=Goods("Essence", needs=HAZARD, un_number="1203")), NOW)


@pytest.mark.parametrize(
    ("pickup", "delivery", "code"),
    [
        (call(4, 4), call(None, None), "window_reversed"),
        (call(4, 3), call(None, None), "window_reversed"),
        (call(0, 1 + MAX_WINDOW / timedelta(hours=1)), call(None, None), "window_too_long"),
        (call(None, 1 + MAX_AHEAD / timedelta(hours=1)), call(None, None), "window_too_far"),
        (call(10, 12), call(None, 10), "windows_out_of_order"),
        (call(10, 12), call(2, 9), "windows_out_of_order"),
    ],
)
def test_windows_that_cannot_be(pickup: Call, delivery: Call, code: str) -> None:
    assert refused(replace(PLAIN, pickup=pickup, delivery=delivery)) == code


def test_windows_of_stops_count() -> None:
    content = replace(
        PLAIN, pickup=call(0, 2), delivery=call(None, 9), stops=(Stop("delivery", call(10, 12)),)
    )
    assert refused(content) == "windows_out_of_order"
    check_content(replace(content, delivery=call(None, 11)), NOW)


def test_not_more_stops_than_a_day_holds() -> None:
    stop = Stop("delivery", Call(SITE))
    check_content(replace(PLAIN, stops=(stop,) * MAX_STOPS), NOW)
    assert refused(replace(PLAIN, stops=(stop,) * (MAX_STOPS + 1))) == "too_many_stops"


def test_off_the_market_when_the_pickup_is_over() -> None:
    content = replace(PLAIN, pickup=call(0, 5), expires_at=at(6))
    assert refused(content) == "expiry_after_pickup"
    check_content(replace(content, expires_at=at(5)), NOW)


def test_a_price_to_show_must_be_said() -> None:
    assert refused(replace(PLAIN, target_shown=True)) == "target_missing"


def test_phones_are_kept_in_one_form() -> None:
    assert contact_of("Awa", "77 123 45 67").phone == "+221771234567"
    with pytest.raises(Invalid):
        contact_of("Awa", "12")


hours = st.none() | st.floats(-100, 1000)


@given(said=hours, closes=hours)
def test_expiry_lies_ahead_and_never_after_the_pickup(said: float | None, closes: float | None) -> None:
    expires, ends = (None if value is None else at(value) for value in (said, closes))
    try:
        found = expiry_at_posting(expires_at=expires, pickup_closes_at=ends, now=NOW)
    except Conflict as error:
        over = {"pickup_over": ends, "expiry_over": expires}[error.code]
        assert over is not None
        assert over <= NOW
        return
    assert found > NOW
    if expires is not None:
        assert found == expires
    else:
        assert found <= NOW + DEFAULT_ON_MARKET
        assert ends is None or found <= ends
