"""Rows of pings for COPY: any mixture of known and unknown values, and the extremes of each column."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ingest.ping import Ping
from ingest.track import Pings, from_pings

Row = tuple[int, int, Ping]  # (device id, received_us, ping)

T0_US = 1_767_600_000_000_000
SET: dict[str, Any] = {
    "speed_kmh": 72.5,
    "heading_deg": 359.75,
    "altitude_m": -12.25,
    "accuracy_m": 7.3,
    "satellites": 14,
    "hdop": 0.75,
    "ignition": True,
    "battery_pct": 99.5,
    "fuel_pct": 0.0,
    "odometer_km": 123456.789,
    "seq": 42,
    "mock": False,
}
EXTREME: dict[str, tuple[Any, Any]] = {
    "speed_kmh": (0.0, 3.4028234663852886e38),
    "heading_deg": (0.0, 359.9999694824219),
    "altitude_m": (-3.4028234663852886e38, 1.401298464324817e-45),
    "accuracy_m": (5e-324, 1.7976931348623157e308),
    "satellites": (0, 32767),
    "hdop": (0.0, 1.0000000150474662e30),
    "ignition": (False, True),
    "battery_pct": (0.0, 100.0),
    "fuel_pct": (0.0, 100.0),
    "odometer_km": (0.0, 1.7976931348623157e308),
    "seq": (0, 2**63 - 1),
    "mock": (False, True),
}
# The year 1 and the year 9999: as far as Python's datetime can read back.
FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
WILD_TEXT = 'zero-width \u200b, "quotes", \\ backslash, 東, 😀'


def columns(rows: Sequence[Row]) -> Pings:
    """The rows as the store takes them."""
    return from_pings(
        [ping for _, _, ping in rows],
        np.array([device_id for device_id, _, _ in rows], np.int64),
        np.array([received_us for _, received_us, _ in rows], np.int64),
    )


def row(number: int = 0, *, device_id: int = 1, **changes: Any) -> Row:
    """`number` seconds after T0; everything unknown that is not given."""
    values: dict[str, Any] = {"time_us": T0_US + number * 1_000_000, "lat": 14.7, "lon": -17.4, **changes}
    return (device_id, T0_US + 500, Ping(**values))


def all_set(number: int = 0, **changes: Any) -> Row:
    return row(number, **{**SET, "alarms": ("sos",), "attributes": {"n": 1}, **changes})


@st.composite
def row_lists(draw: st.DrawFn) -> list[Row]:
    """Rows of distinct times, each with its own set of known columns."""
    return [row(number, **draw(_known_columns())) for number in range(draw(st.integers(0, 25)))]


@st.composite
def _known_columns(draw: st.DrawFn) -> dict[str, Any]:
    values: dict[str, Any] = {
        "lat": draw(st.floats(-90, 90)),
        "lon": draw(st.floats(-180, 180)),
    }
    for name in draw(st.sets(st.sampled_from(sorted(SET)))):
        values[name] = draw(_column(name))
    if draw(st.booleans()):
        values["alarms"] = tuple(draw(st.lists(st.sampled_from(["sos", "towing", WILD_TEXT]), max_size=3)))
    if draw(st.booleans()):
        text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
        leaf = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), text)
        values["attributes"] = draw(st.dictionaries(text, leaf, max_size=4))
    return values


def _column(name: str) -> st.SearchStrategy[Any]:
    if name in ("ignition", "mock"):
        return st.booleans()
    if name == "satellites":
        return st.integers(0, 32767)
    if name == "seq":
        return st.integers(0, 2**63 - 1)
    return st.floats(
        allow_nan=False, allow_infinity=False, width=64 if name in ("accuracy_m", "odometer_km") else 32
    )
