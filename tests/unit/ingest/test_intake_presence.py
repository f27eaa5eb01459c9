"""What a batch of messages says of presence: who was there, who said goodbye, and what the broker had kept."""

import json
from typing import Any

import numpy as np
import pytest

from ingest.codecs.codec import Limits
from ingest.fleet import NO_CARRIER, Device, Fleet
from ingest.intake import Intake, IntakeLimits, Message, take_in
from ingest.ping import CommandResult
from telemetry.rules import DEFAULTS

LIMITS = IntakeLimits(
    codec=Limits(), earliest_us=0, max_future_us=10**18, keep_whole_bytes=10, keep_first_bytes=10
)
DEVICES = [Device(number, f"dev-{number}", "tracker", 100, NO_CARRIER, ()) for number in (1, 2, 3)]
FLEET = Fleet(1, {d.uid: d for d in DEVICES}, {d.id: d for d in DEVICES}, {}, {}, DEFAULTS)
PING = {"t": 1_769_443_022_000, "lat": 14.7, "lon": -17.4}
LOCATION = {"_type": "location", "tst": 1_769_443_022, "lat": 14.7, "lon": -17.4}


def intake(*messages: tuple[Any, ...]) -> Intake:
    """(topic, body) or (topic, body, True for retained); message n arrives at n microseconds."""
    batch = [
        Message(topic, json.dumps(body).encode(), number, retained=bool(more))
        for number, (topic, body, *more) in enumerate(messages)
    ]
    return take_in(batch, FLEET, LIMITS)


def spoke(*messages: tuple[Any, ...]) -> dict[int, int]:
    columns = intake(*messages).spoke
    return dict(zip(columns.device.tolist(), columns.message.tolist(), strict=True))


def test_the_last_message_of_each_device() -> None:
    assert spoke(
        ("v1/devices/dev-1/pings", PING),
        ("v1/devices/dev-2/pings", PING),
        ("owntracks/dev-3/phone", LOCATION),
        ("v1/devices/dev-1/backlog", [PING, PING]),
        ("v1/devices/nobody/pings", PING),
    ) == {1: 3, 2: 1, 3: 2}


def test_a_refused_message_is_a_sign_of_life_all_the_same() -> None:
    assert spoke(("v1/devices/dev-1/pings", {"lat": 91})) == {1: 0}


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("v1/devices/dev-1/status", {"online": False}),
        ("owntracks/dev-1/phone", {"_type": "lwt", "tst": 1_769_443_022}),
        ("$SYS/brokers/emqx@a/clients/dev-1/disconnected", {"clientid": "dev-1", "connected_at": 1000}),
        ("$SYS/brokers/emqx@a/clients/dev-1/connected", {"clientid": "dev-1", "connected_at": 1000}),
    ],
)
def test_a_will_and_the_brokers_word_are_no_signs_of_life(topic: str, body: Any) -> None:
    taken = intake(("v1/devices/dev-2/status", {"online": True}), (topic, body))
    assert taken.spoke.device.tolist() == [2]
    assert [told.device.id for told in taken.told] == [2, 1]
    assert not taken.letters


def test_the_word_of_the_broker_names_the_connection() -> None:
    (told,) = intake(
        ("$SYS/brokers/emqx@a/clients/dev-1/connected", {"clientid": "dev-1", "connected_at": 1000})
    ).told
    assert told.presence is not None
    assert (told.presence.online, told.presence.connection_us) == (True, 1_000_000)


def test_clients_of_ours_that_are_no_devices_are_nobodys_news() -> None:
    taken = intake(
        (
            "$SYS/brokers/emqx@a/clients/svc-ingest-1/connected",
            {"clientid": "svc-ingest-1", "connected_at": 1},
        ),
        ("$SYS/brokers/emqx@a/clients/stranger/connected", {"clientid": "stranger", "connected_at": 1}),
    )
    assert (taken.told, taken.letters, len(taken.came)) == ([], [], 0)


def test_what_the_broker_kept_tells_of_goodbyes_alone() -> None:
    taken = intake(
        ("v1/devices/dev-1/status", {"online": True}, True),
        ("v1/devices/dev-2/status", {"online": False}, True),
        ("owntracks/dev-3/phone", LOCATION, True),
    )
    assert taken.spoke.device.tolist() == []
    assert [(told.device.id, told.presence and told.presence.online) for told in taken.told] == [(2, False)]
    assert len(taken.pings) == 1  # a kept position is stored like any other


def test_a_location_that_answers_a_command() -> None:
    (told,) = intake(("owntracks/dev-3/phone", {**LOCATION, "t": "r"})).told
    assert told.results == [CommandResult(None, True)]


def test_columns_are_integers_also_when_nobody_spoke() -> None:
    nobody = intake(("v1/devices/nobody/pings", PING)).spoke
    assert nobody.device.dtype == np.int64
    assert len(nobody.message) == 0
