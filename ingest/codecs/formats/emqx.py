"""What EMQX tells of its connections: `$SYS/brokers/{node}/clients/{client}/connected` and `.../disconnected`.

| key | becomes | unit |
|---|---|---|
| `clientid` (required) | Decoded.uid | |
| `connected_at` (required) | the connection that it is about | epoch milliseconds |
| all others | | |

Both say when the connection was made: when a device connects again before its old connection was given up, the end of
the old one is told late, and must not be taken for the end of the new one.

The messages are of QoS 0 and not retained: one may be lost. Facts: EMQX 5.8, apps/emqx/src/emqx_sys.erl.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ingest.codecs import body, fields
from ingest.codecs.codec import Codec, Limits, RefusedError, decode_each, refuse_message
from ingest.ping import Decoded, Presence

MILLISECOND_US = 1000


def presence_of_event(message: Any, *, online: bool) -> Presence:
    """Raises `RefusedError`."""
    if type(message) is not dict:
        raise RefusedError("wrong_type", f"an event must be an object, not {fields.kind(message)}")
    if message.get("clientid") is None:
        raise fields.missing("clientid")
    connected_at = message.get("connected_at")
    if type(connected_at) is str:
        raise RefusedError("wrong_type", "connected_at must be a number, not text")
    connection_us = fields.time_us(connected_at, "connected_at", unit_us=MILLISECOND_US)
    return Presence(online=online, connection_us=connection_us)


def _decoder(*, online: bool) -> Callable[[bytes, Limits], Decoded]:
    def read(message: Any, limits: Limits) -> Presence:
        return presence_of_event(message, online=online)

    def decode(payload: bytes, limits: Limits) -> Decoded:
        try:
            message = body.parse_json(payload)
            decoded = decode_each(message, limits, read)
        except RefusedError as error:
            return refuse_message(error.reason, error.detail)
        # A list would be of several devices, and EMQX sends none.
        uid = fields.device_uid(message, "clientid") if type(message) is dict else None
        return msgspec.structs.replace(decoded, uid=uid)

    return decode


_CLIENT = "$SYS/brokers/{node}/clients/{client}"
CONNECTED = Codec(
    name="EMQX client connected",
    slug="emqx-connected",
    topics=(f"{_CLIENT}/connected",),
    decode=_decoder(online=True),
)
DISCONNECTED = Codec(
    name="EMQX client disconnected",
    slug="emqx-disconnected",
    topics=(f"{_CLIENT}/disconnected",),
    decode=_decoder(online=False),
)
CODECS = [CONNECTED, DISCONNECTED]
