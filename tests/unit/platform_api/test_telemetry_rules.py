from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from platform_api.actor import Actor, Role
from platform_api.errors import PlatformError
from platform_api.telemetry import rules
from platform_api.telemetry.rules import Span
from telemetry.kinds import KINDS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CARRIER = uuid4()


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, Span(NOW - rules.DEFAULT_RANGE, None)),
        (None, NOW - 9 * DAY, Span(NOW - 9 * DAY - rules.DEFAULT_RANGE, NOW - 9 * DAY)),
        (NOW - 40 * DAY, None, Span(NOW - 40 * DAY, None)),
        (NOW - 2 * DAY, NOW - DAY, Span(NOW - 2 * DAY, NOW - DAY)),
        (NOW - 100 * DAY, NOW - 8 * DAY, Span(NOW - 100 * DAY, NOW - 8 * DAY)),
        # A device's clock may run ahead of ours.
        (NOW + timedelta(minutes=1), None, Span(NOW + timedelta(minutes=1), None)),
    ],
)
def test_the_range(start: datetime | None, end: datetime | None, expected: Span) -> None:
    assert rules.asked_span(start, end, NOW) == expected


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        (NOW, NOW, "invalid_range"),
        (NOW, NOW - DAY, "invalid_range"),
        (NOW - 93 * DAY, None, "range_too_long"),
        (NOW - 300 * DAY, NOW - 207 * DAY, "range_too_long"),
    ],
)
def test_ranges_that_cannot_be(start: datetime, end: datetime | None, code: str) -> None:
    with pytest.raises(PlatformError) as raised:
        rules.asked_span(start, end, NOW)
    assert (raised.value.code, raised.value.status) == (code, 400)


def test_what_is_open_has_no_earliest_beginning_unless_asked() -> None:
    assert rules.asked(None, None, open_only=True, now=NOW).span == Span(None, None)
    assert rules.asked(NOW - DAY, None, open_only=True, now=NOW).span == Span(NOW - DAY, None)


def test_kinds_and_severities_narrow_each_other() -> None:
    def kinds(*names: str, severities: tuple[str, ...] = ()) -> Any:
        return rules.asked(None, None, kinds=names, severities=severities, now=NOW).kinds

    assert kinds() is None
    assert kinds("trip", "sos") == ["sos", "trip"]
    assert kinds("trip", "sos", severities=("critical",)) == ["sos"]
    assert kinds("trip", severities=("critical",)) == []
    assert set(kinds(severities=("info", "warning", "critical"))) == set(KINDS)
    with pytest.raises(PlatformError) as raised:
        kinds("trip", "sos ")
    assert raised.value.code == "kind_unknown"


def test_whose_fleet() -> None:
    carrier = Actor(CARRIER, Role.CARRIER, carrier_id=CARRIER)
    administrator = Actor(uuid4(), Role.ADMINISTRATOR)
    both = Actor(CARRIER, Role.CARRIER, is_superuser=True, carrier_id=CARRIER)
    other = uuid4()
    assert rules.carrier_asked(carrier, None) == rules.carrier_asked(carrier, CARRIER) == CARRIER
    assert rules.carrier_asked(administrator, other) == rules.carrier_asked(both, other) == other
    assert rules.carrier_asked(both, None) == CARRIER
    for actor, asked, code in (
        (carrier, other, "carrier_not_found"),
        (administrator, None, "carrier_missing"),
    ):
        with pytest.raises(PlatformError) as raised:
            rules.carrier_asked(actor, asked)
        assert raised.value.code == code


def figures(minutes: float | None, **details: Any) -> rules.TripFigures:
    return rules.trip_figures(NOW, None if minutes is None else NOW + timedelta(minutes=minutes), details)


def test_the_mean_speed_is_that_of_moving() -> None:
    trip = figures(60, distance_m=45_000.0, stopped_s=900, max_speed_kmh=81.2)
    assert (trip.duration_s, trip.stopped_s, trip.mean_speed_kmh, trip.max_speed_kmh) == (
        3600,
        900,
        60.0,
        81.2,
    )
    assert figures(60, distance_m=45_000.0).mean_speed_kmh == 45.0


def test_of_a_trip_without_end_or_of_no_length_nothing_is_made_up() -> None:
    assert figures(None, start_odometer_km=10.0) == rules.TripFigures(None, None, None, None, None, None)
    assert figures(10, distance_m=500.0, stopped_s=600).mean_speed_kmh is None
    assert figures(0, distance_m=0.0, stopped_s=0).mean_speed_kmh is None


def test_the_devices_own_distance_when_it_counted_on() -> None:
    assert figures(9, start_odometer_km=10.05, end_odometer_km=12.15).device_distance_m == 2100.0
    assert figures(9, start_odometer_km=10.0).device_distance_m is None
    assert figures(9, start_odometer_km=10.0, end_odometer_km=0.5).device_distance_m is None
