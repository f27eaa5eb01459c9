"""The native status message: presence, and the last will."""

import json
from typing import Any

import pytest

from ingest.codecs.codec import Limits
from ingest.codecs.formats import native
from ingest.ping import Decoded, Presence

LIMITS = Limits()


@pytest.mark.parametrize(
    ("body", "presence"),
    [
        ({"online": True}, Presence(online=True)),
        ({"online": False, "t": 1_700_000_000_000}, Presence(False, 1_700_000_000_000_000)),
        ({"online": False, "t": "2023-11-14T22:13:20Z", "ip": "::1"}, Presence(False, 1_700_000_000_000_000)),
        ({"online": False, "t": None}, Presence(False, None)),
    ],
)
def test_status(body: Any, presence: Presence) -> None:
    decoded = native.decode_status(json.dumps(body).encode(), LIMITS)
    assert decoded == Decoded(pings=[], rejected=[], presence=presence)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", "missing_field"),
        (b'{"online":1}', "wrong_type"),
        (b'{"online":true,"t":"now"}', "wrong_type"),
        (b'"online"', "wrong_type"),
        (b"online", "malformed"),
    ],
)
def test_bad_status(body: bytes, reason: str) -> None:
    decoded = native.decode_status(body, LIMITS)
    assert (decoded.pings, decoded.presence) == ([], None)
    assert [each.reason for each in decoded.rejected] == [reason]
