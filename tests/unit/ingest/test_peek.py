"""A glance at the times of a message: it may miss an old one, and must not take a new one for old."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.peek import looks_old

NOW_US = 1_769_443_022_000_000


def ping(age_s: float, **more: object) -> dict[str, object]:
    return {"t": NOW_US // 1000 - round(age_s * 1000), "lat": 14.7, "lon": -17.4, **more}


@pytest.mark.parametrize("compact", [True, False])
@pytest.mark.parametrize(
    ("ages_s", "old"),
    [([10], True), ([-1], False), ([10, 20, 30], True), ([10, 20, -1], False), ([-1, 9], False)],
)
def test_native_json(ages_s: list[float], old: bool, compact: bool) -> None:
    pings = [ping(age) for age in ages_s]
    body = pings[0] if len(pings) == 1 else pings
    payload = json.dumps(body, separators=(",", ":") if compact else None).encode()
    assert looks_old(payload, NOW_US) is old


@pytest.mark.parametrize(("tst", "old"), [(NOW_US // 1_000_000 - 1, True), (NOW_US // 1_000_000, False)])
def test_owntracks(tst: int, old: bool) -> None:
    body = {"_type": "location", "tst": tst, "lat": 14.7, "lon": -17.4, "created_at": 1}
    assert looks_old(json.dumps(body).encode(), NOW_US) is old


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"\xff" * 600,
        b'{"t":"2020-01-01T00:00:00Z"}',
        b'{"t":1}',
        b'{"t":17694430220001}',
        b"\x81\xa1t\x01",
    ],
)
def test_what_is_not_understood_is_not_old(payload: bytes) -> None:
    assert not looks_old(payload, NOW_US)


@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=60), st.integers(0, 200))
def test_a_list_with_its_newest_at_either_end_is_never_old_when_that_is_new(
    ages: list[float], padding: int
) -> None:
    """As devices send: oldest first, or newest first."""
    for order in (sorted(ages), sorted(ages, reverse=True)):
        payload = json.dumps([ping(age, x="y" * padding) for age in order]).encode()
        if min(ages) < -0.001:
            assert not looks_old(payload, NOW_US)


@given(st.binary(max_size=700))
def test_no_bytes_raise(payload: bytes) -> None:
    looks_old(payload, NOW_US)
    looks_old(b'{"t":1769443022000,' + payload, NOW_US)
