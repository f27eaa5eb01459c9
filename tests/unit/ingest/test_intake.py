"""From messages to rows: the quick way through the columns is a short cut, and whose pings they are is decided here."""

import dataclasses
import json
from typing import Any
from unittest.mock import patch

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import intake
from ingest.codecs.codec import Limits
from ingest.codecs.registry import Route, route
from ingest.fleet import Device, Fleet
from ingest.intake import Intake, IntakeLimits, Message, take_in
from ingest.track import NONE, Pings
from telemetry.rules import DEFAULTS

S = 1_000_000
NOW_US = 1_769_443_022 * S
OURS, THEIRS = 7, 8  # carriers
LIMITS = IntakeLimits(
    codec=Limits(),
    earliest_us=NOW_US - 10**15,
    max_future_us=300 * S,
    keep_whole_bytes=64,
    keep_first_bytes=16,
)
DEVICES = [
    Device(1, "one", "tracker", 100, OURS, ()),
    Device(2, "two", "tracker", 100, OURS, ()),
    Device(3, "other", "tracker", 100, THEIRS, ()),
    Device(4, "gate", "gateway", 100, OURS, ()),
    Device(5, "a1b2c3", "tracker", 100, OURS, ()),
]
FLEET = Fleet(1, {d.uid: d for d in DEVICES}, {d.id: d for d in DEVICES}, {}, {}, DEFAULTS)


def at(second: float, **values: Any) -> dict[str, Any]:
    return {"t": NOW_US // 1000 + round(second * 1000), "lat": 14.7, "lon": -17.4, **values}


def message(topic: str, body: Any, received_us: int = NOW_US, doubt_us: int = 0) -> Message:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Message(topic, payload, received_us, doubt_us)


def pings(uid: str, *bodies: dict[str, Any], doubt_us: int = 0) -> Message:
    return message(f"v1/devices/{uid}/pings", list(bodies), doubt_us=doubt_us)


def took(*messages: Message, limits: IntakeLimits = LIMITS, defer_after_us: int = 0) -> Intake:
    return take_in(messages, FLEET, limits, defer_after_us)


def rows(columns: Pings) -> list[tuple[int, int, float]]:
    """(device, seconds from now, latitude)."""
    seconds = ((columns.time_us - NOW_US) // S).tolist()
    return list(zip(columns.device.tolist(), seconds, columns.lat.tolist(), strict=True))


def reasons(taken: Intake) -> list[str]:
    return [each.reason for letter in taken.letters for each in letter.refusals]


VALUES = st.fixed_dictionaries(
    {"t": st.integers(-400, 400).map(lambda n: NOW_US // 1000 + n * 1000)},
    optional={
        "lat": st.sampled_from([0.0, 14.7, 14.8, 91.0, -0.0]),
        "lon": st.sampled_from([0.0, -17.4, 181, "17"]),
        "spd": st.sampled_from([0, 52.5, -1, None, 10**19]),
        "hdg": st.sampled_from([0, 359.9, 360, 361]),
        "acc": st.sampled_from([0, 5.5, None]),
        "sat": st.sampled_from([0, 11, 2**40]),
        "ign": st.booleans(),
        "seq": st.sampled_from([0, 1, 2, 2**63 - 1, -1]),
        "mock": st.booleans(),
        "alarm": st.sampled_from(["sos", ""]),
        "fix": st.sampled_from([0, 1]),
        "io": st.integers(0, 3),
    },
)
BODIES = (
    VALUES
    | st.lists(VALUES, max_size=4)
    | st.sampled_from([b"", b"{", b"[]", b"null", b"\xff", b"[[]]", b'{"t":1}', b'[{"t":NaN}]'])
)


def careful(topic: str) -> Route | None:
    """The route of a topic, to a codec without its short cut."""
    found = route(topic)
    return None if found is None else found._replace(codec=dataclasses.replace(found.codec, plain=None))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "two", "nobody"]),
            st.sampled_from(["pings", "backlog", "pings/msgpack"]),
            BODIES,
        ),
        max_size=4,
    ),
    st.sampled_from([0, 100 * S]),
)
def test_the_quick_way_comes_to_the_same(sent: list[tuple[str, str, Any]], defer_after_us: int) -> None:
    batch = []
    for uid, tail, body in sent:
        if isinstance(body, bytes):
            payload = body
        elif tail.endswith("msgpack"):
            payload = msgspec.msgpack.encode(body)
        else:
            payload = json.dumps(body).encode()
        batch.append(message(f"v1/devices/{uid}/{tail}", payload))
    quick = took(*batch, defer_after_us=defer_after_us)
    with patch.object(intake, "route", careful):
        slow = took(*batch, defer_after_us=defer_after_us)
    assert essence(quick) == essence(slow)


def essence(taken: Intake) -> tuple[Any, ...]:
    """Without the order of rows, which is that of the piles."""
    objects = zip(taken.pings.device.tolist(), taken.pings.objects(np.arange(len(taken.pings))), strict=True)
    letters = [
        (each.topic, each.device_id, each.payload, sorted((r.reason, r.detail) for r in each.refusals))
        for each in taken.letters
    ]
    return (
        sorted(repr(each) for each in objects),
        sorted(letters),
        sorted(taken.came.device.tolist()),
        sorted(taken.repeated.device.tolist()),
        taken.handled_seqs,
        taken.deferred,
        dict(zip(taken.spoke.device.tolist(), taken.spoke.message.tolist(), strict=True)),
    )


def test_of_one_device_and_time_the_smaller_ping_stays_whatever_the_order() -> None:
    a, b = at(0, lat=14.8), at(0, lat=14.7)
    for batch in (
        [pings("one", a, b)],
        [pings("one", b), pings("one", a)],
        [pings("one", a), pings("one", b)],
    ):
        taken = took(*batch)
        assert rows(taken.pings) == [(1, 0, 14.7)]
        assert taken.repeated.device.tolist() == [1]
        assert len(taken.came) == 2


def test_two_devices_at_one_time_are_two_pings() -> None:
    assert len(took(pings("one", at(0)), pings("two", at(0))).pings) == 2


def test_of_an_unknown_device_everything_is_refused_and_said_why() -> None:
    taken = took(pings("nobody", at(0, seq=1), at(1, seq=2)))
    assert reasons(taken) == ["unknown_device"] * 2
    (letter,) = taken.letters
    assert (letter.device_id, letter.device_uid) == (0, "nobody")
    assert "'nobody'" in letter.refusals[0].detail
    assert taken.handled_seqs == {}
    assert taken.spoke.device.tolist() == []


def test_a_letter_is_kept_whole_or_its_beginning() -> None:
    small, large = b"{" * 64, b"{" * 65
    taken = took(message("v1/devices/one/pings", small), message("v1/devices/one/pings", large))
    assert [(len(letter.payload), letter.payload_bytes) for letter in taken.letters] == [(64, 64), (16, 65)]


def test_a_bad_ping_in_a_list_takes_only_itself_along() -> None:
    taken = took(pings("one", at(0, seq=1), at(1, lat=91, seq=2), at(2, seq=3)))
    assert [row[1] for row in rows(taken.pings)] == [0, 2]
    assert reasons(taken) == ["latitude_out_of_range"]
    assert taken.handled_seqs == {1: {1, 2, 3}}


def test_numbers_that_no_count_reaches_take_no_part_in_acks() -> None:
    taken = took(pings("one", at(0, seq=2**62 - 1), at(1, seq=2**62), at(2, seq=0)))
    assert len(taken.pings) == 3
    assert taken.handled_seqs == {1: {2**62 - 1, 0}}


class TestGateway:
    """The topic of a gateway has the uid of the device, or its body has."""

    @staticmethod
    def through(gate: str, uid: str) -> Intake:
        return took(message(f"v1/gateways/{gate}/v1/devices/{uid}/pings", [at(0)]))

    def test_it_speaks_for_the_devices_of_its_carrier(self) -> None:
        assert rows(self.through("gate", "one").pings) == [(1, 0, 14.7)]

    @pytest.mark.parametrize(
        ("gate", "uid"),
        [
            ("gate", "other"),  # of another carrier
            ("two", "one"),  # a tracker is no gateway
            ("nobody", "one"),
            ("gate", "nobody"),
        ],
    )
    def test_for_nobody_else(self, gate: str, uid: str) -> None:
        taken = self.through(gate, uid)
        assert reasons(taken) == ["unknown_device"]
        assert f"gateway {gate!r}" in taken.letters[0].refusals[0].detail
        assert taken.letters[0].device_id == 0


class TestDeferral:
    AGE_US = 600 * S

    def deferred(self, *messages: Message) -> frozenset[int]:
        return took(*messages, defer_after_us=self.AGE_US).deferred

    def test_a_message_of_old_pings_alone_is_left_untouched(self) -> None:
        old, new = pings("one", at(-601, seq=1), at(-700)), pings("two", at(-600))
        taken = took(old, new, defer_after_us=self.AGE_US)
        assert taken.deferred == {0}
        assert [row[0] for row in rows(taken.pings)] == [2]
        assert taken.came.device.tolist() == [2]
        assert taken.handled_seqs == {}

    def test_one_new_ping_takes_the_old_ones_along(self) -> None:
        assert self.deferred(pings("one", at(-900), at(0))) == frozenset()

    def test_nothing_is_deferred_where_it_is_switched_off(self) -> None:
        assert took(pings("one", at(-9000))).deferred == frozenset()

    def test_a_message_of_which_something_was_refused_already_is_not(self) -> None:
        assert self.deferred(pings("one", at(-9000), at(-9001, lat=91))) == frozenset()

    def test_other_formats_are_deferred_as_well(self) -> None:
        location = {"_type": "location", "tst": NOW_US // S - 9000, "lat": 14.7, "lon": -17.4}
        assert self.deferred(message("owntracks/one/phone", location)) == {0}

    def test_a_refusal_by_the_steps_waits_with_the_message(self) -> None:
        taken = took(pings("one", at(-9000, fix=0)), defer_after_us=self.AGE_US)
        assert (taken.deferred, taken.letters) == (frozenset({0}), [])


class TestDoubt:
    """The server's clock stepped: a ping is refused only if both of its times would refuse it."""

    @pytest.mark.parametrize(
        ("second", "doubt_s", "refused"),
        [
            (301, 0, ["time_in_future"]),
            (301, 7200, []),  # the clock was put back two hours: the ping may be right
            (7501, 7200, ["time_in_future"]),
            (301, -7200, ["time_in_future"]),  # it was put forward: ahead of it is ahead of the other one too
        ],
    )
    def test_of_the_future(self, second: int, doubt_s: int, refused: list[str]) -> None:
        assert reasons(took(pings("one", at(second), doubt_us=doubt_s * S))) == refused

    @pytest.mark.parametrize(
        ("doubt_s", "refused"), [(0, ["time_in_past"]), (-7200, []), (7200, ["time_in_past"])]
    )
    def test_of_the_past(self, doubt_s: int, refused: list[str]) -> None:
        limits = msgspec.structs.replace(LIMITS, max_past_us=86_400 * S)
        sent = pings("one", at(-86_400 - 60), doubt_us=doubt_s * S)
        assert reasons(took(sent, limits=limits)) == refused


def test_what_is_not_said_is_unknown() -> None:
    columns = took(pings("one", at(0)), message("v1/devices/two/pings", at(0, sat=7, io=1))).pings
    by_device = dict(zip(columns.device.tolist(), range(2), strict=True))
    plain, rich = by_device[1], by_device[2]
    assert np.isnan(columns.speed_kmh[plain])
    assert columns.ignition[plain] == NONE
    assert columns.extra[rich].attributes == {"io": 1}
