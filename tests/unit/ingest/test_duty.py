"""When a phone's positions may be taken: windows by example and against a plain reading of them; and what a batch keeps."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.codecs.codec import Limits
from ingest.duty import FOREVER_US, NOBODY, Phones, hash_of, phones_of, windows_of
from ingest.fleet import Device, Fleet
from ingest.intake import ERASED_TOPIC, Intake, IntakeLimits, Message, device_uid, take_in
from ingest.ping import REASONS
from telemetry.rules import VehicleRules

US = 1_000_000
T0_US = 1_767_600_000 * US
LIMITS = IntakeLimits(Limits(), 0, 300 * US, 262_144, 4096)
TRACKER, PHONE, POOL_PHONE = 1, 2, 3
SECRET = 14.718281


def fleet() -> Fleet:
    devices = [
        Device(TRACKER, "tracker", "tracker", 100, -1, ()),
        Device(PHONE, "phone", "phone", 200, -1, ()),
        Device(POOL_PHONE, "pool", "phone", 200, -1, ()),
    ]
    return Fleet(1, {d.uid: d for d in devices}, {d.id: d for d in devices}, {}, {}, VehicleRules())


def phones(*spans: tuple[int, int | None], erased: tuple[str, ...] = ()) -> Phones:
    windows = windows_of([(T0_US + a * US, None if b is None else T0_US + b * US) for a, b in spans])
    return phones_of({PHONE: windows}, ["phone"], [hash_of(uid) for uid in erased])


def message(uid: str, *bodies: dict[str, Any] | bytes) -> Message:
    raw = bodies[0] if isinstance(bodies[0], bytes) else json.dumps(bodies).encode()
    return Message(f"v1/devices/{uid}/pings", raw, T0_US + 1000 * US)


def at(second: int, **more: Any) -> dict[str, Any]:
    return {"t": (T0_US + second * US) // 1000, "lat": SECRET, "lon": -17.4, **more}


def taken(intake: Intake) -> list[tuple[int, int]]:
    pings = intake.pings
    return sorted(
        (device, (time_us - T0_US) // US)
        for device, time_us in zip(pings.device.tolist(), pings.time_us.tolist(), strict=True)
    )


spans = st.lists(st.tuples(st.integers(-50, 50), st.one_of(st.none(), st.integers(-50, 60))), max_size=8)


@given(spans, st.integers(0, 5), st.lists(st.integers(-70, 80), max_size=20))
@example([(0, 10), (11, 20)], 1, [10, 11, 21, 22])
@example([(5, 3)], 0, [3, 4, 5])
def test_windows_hold_what_any_of_their_spans_holds(
    found: list[tuple[int, int | None]], tolerance: int, times: list[int]
) -> None:
    windows = windows_of(found, tolerance)
    expected = [
        not any(a - tolerance <= t <= (FOREVER_US if b is None else max(a, b) + tolerance) for a, b in found)
        for t in times
    ]
    assert windows.outside(np.array(times, np.int64)).tolist() == expected
    # Sorted, and apart from one another: that is what the search relies on.
    assert (windows.opens_us[1:] > windows.closes_us[:-1]).all()


@given(
    st.lists(st.tuples(st.sampled_from([TRACKER, PHONE, POOL_PHONE, 7]), st.integers(-70, 80)), max_size=40),
    spans,
    spans,
)
def test_a_batch_is_judged_phone_by_phone(
    rows: list[tuple[int, int]],
    of_phone: list[tuple[int, int | None]],
    of_other: list[tuple[int, int | None]],
) -> None:
    known = phones_of({PHONE: windows_of(of_phone), 7: windows_of(of_other)}, ["phone", "seven"])
    refused = known.off_duty(
        np.array([device for device, _ in rows], np.int64), np.array([t for _, t in rows], np.int64)
    )
    plain = {PHONE: of_phone, 7: of_other}
    assert refused.tolist() == [
        n
        for n, (device, t) in enumerate(rows)
        if device in plain
        and not any(a <= t <= (FOREVER_US if b is None else max(a, b)) for a, b in plain[device])
    ]


def reasons(intake: Intake) -> list[tuple[str, str | None]]:
    return [(each.reason, letter.device_uid) for letter in intake.letters for each in letter.refusals]


def test_only_pings_made_on_duty_are_taken_and_others_are_not_concerned() -> None:
    intake = take_in(
        [
            message("phone", at(0), at(10), at(20)),
            message("tracker", at(0)),
            message("pool", at(0)),
        ],
        fleet(),
        LIMITS,
        phones=phones((5, 15)),
    )
    assert taken(intake) == [(TRACKER, 0), (PHONE, 10), (POOL_PHONE, 0)]
    assert reasons(intake) == [("off_duty", "phone")] * 2
    assert len(intake.came) == 5


def test_nothing_of_an_off_duty_position_is_kept() -> None:
    intake = take_in([message("phone", at(0, seq=7))], fleet(), LIMITS, phones=phones())
    (letter,) = intake.letters
    assert (letter.payload, [each.detail for each in letter.refusals]) == (b"", [REASONS["off_duty"]])
    # The phone is told that it need not send it again.
    assert intake.handled_seqs == {PHONE: {7}}


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("malformed", b'{"lat": 14.718281, '),
        ("latitude_out_of_range", json.dumps([at(0), at(1, lat=91 + SECRET)]).encode()),
        ("time_in_future", json.dumps([at(0), at(9_000_000)]).encode()),
        ("no_fix", json.dumps([at(0), at(1, fix=0)]).encode()),
        ("wrong_type", json.dumps(at(0, lon="-17.314159")).encode()),
    ],
)
def test_a_message_refused_for_another_reason_may_hold_an_off_duty_position(reason: str, body: bytes) -> None:
    sent = message("phone", body)
    intake = take_in([sent], fleet(), LIMITS, phones=phones())
    assert (reason, "phone") in reasons(intake)
    (letter,) = intake.letters
    assert letter.payload == b""
    assert [each.detail for each in letter.refusals] == [REASONS[each.reason] for each in letter.refusals]
    # A tracker's is kept, to find out what is wrong with it.
    (kept,) = take_in([message("tracker", body)], fleet(), LIMITS, phones=phones()).letters
    assert kept.payload == body


def test_a_phone_that_was_shut_out_or_erased_leaves_nothing_either() -> None:
    known = phones_of({8: windows_of([])}, ["left"], [hash_of("erased")])
    sent = [message(uid, at(0)) for uid in ("left", "erased", "nobody")]
    intake = take_in(sent, fleet(), LIMITS, phones=known)
    kept = [(each.topic, each.device_uid, each.payload) for each in intake.letters]
    assert {reason for reason, _ in reasons(intake)} == {"unknown_device"}
    assert kept == [
        (sent[0].topic, "left", b""),
        (ERASED_TOPIC, None, b""),
        (sent[2].topic, "nobody", sent[2].payload),
    ]


def test_where_privacy_is_switched_off_everything_is_taken() -> None:
    intake = take_in([message("phone", at(0), at(99))], fleet(), LIMITS, phones=NOBODY)
    assert taken(intake) == [(PHONE, 0), (PHONE, 99)]


def test_a_weeks_rollover_is_mended_before_it_is_judged() -> None:
    weeks_us = 1024 * 7 * 86_400 * US
    limits = IntakeLimits(Limits(), T0_US - weeks_us // 2, 300 * US, 262_144, 4096)
    body = {"t": (T0_US + 10 * US - weeks_us) // 1000, "lat": 14.7, "lon": -17.4}
    intake = take_in([message("phone", body)], fleet(), limits, phones=phones((5, 15)))
    assert taken(intake) == [(PHONE, 10)]


def test_the_device_of_a_message_is_known_by_topic_or_body() -> None:
    assert device_uid(message("phone", at(0)), LIMITS.codec) == "phone"
    assert device_uid(Message("nobody/reads/this", b"{}", 0), LIMITS.codec) is None
    body = {
        "position": {"fixTime": "2026-01-05T08:00:00Z", "latitude": 14.7, "longitude": -17.4, "valid": True}
    }
    forwarded = json.dumps(body | {"device": {"uniqueId": "phone"}}).encode()
    assert device_uid(Message("positions", forwarded, 0), LIMITS.codec) == "phone"
