"""From the messages of a batch to rows worth storing: decode, steps, devices, repeats. Pure."""

from collections.abc import Sequence

import msgspec

from ingest.account_store import Refused
from ingest.codecs.codec import Limits
from ingest.codecs.registry import decode, route
from ingest.copy_rows import Row
from ingest.fleet import Device, Fleet
from ingest.ping import Ping, Rejected
from ingest.steps import StepContext, apply_steps

# Larger sequence numbers are kept on the ping but take no part in acks.
MAX_ACKED_SEQ = 2**62


class Message(msgspec.Struct, frozen=True):
    """One MQTT message as it came in."""

    topic: str
    payload: bytes
    received_us: int


class IntakeLimits(msgspec.Struct, frozen=True):
    codec: Limits
    earliest_us: int
    max_future_us: int
    keep_payload_bytes: int


class Intake(msgspec.Struct):
    """What a batch of messages came to; `received == len(rows) + repeats + len(refused)`."""

    received: int
    rows: list[Row]  # no two with the same device and time
    repeats: int  # same device and time as another ping of this very batch
    refused: list[Refused]
    handled_seqs: dict[int, set[int]]  # device id -> numbers that need no resending


def take_in(messages: Sequence[Message], fleet: Fleet, limits: IntakeLimits) -> Intake:
    """Decode and check every message; nothing here raises for what a device sent."""
    intake = Intake(0, [], 0, [], {})
    rows: dict[tuple[int, int], Row] = {}
    for message in messages:
        found = route(message.topic)
        uid = None if found is None else found.uid
        device = fleet.by_uid.get(uid) if uid is not None else None
        kept, rejected = _checked(message, limits)
        intake.received += len(kept) + len(rejected)
        if device is None and kept:
            why = f"no enabled device {uid!r} is registered"
            rejected = [*rejected, *(Rejected("unknown_device", why, ping.seq) for ping in kept)]
            kept = []
        for rejection in rejected:
            intake.refused.append(_refused(message, uid, rejection, limits))
        if device is not None:
            _keep(intake, rows, device, message, kept, rejected)
    intake.rows = list(rows.values())
    return intake


def _checked(message: Message, limits: IntakeLimits) -> tuple[Sequence[Ping], Sequence[Rejected]]:
    decoded = decode(message.topic, message.payload, limits.codec)
    context = StepContext(message.received_us, limits.earliest_us, limits.max_future_us)
    kept, rejected = apply_steps(decoded.pings, context)
    return kept, [*decoded.rejected, *rejected] if decoded.rejected else rejected


def _keep(
    intake: Intake,
    rows: dict[tuple[int, int], Row],
    device: Device,
    message: Message,
    kept: Sequence[Ping],
    rejected: Sequence[Rejected],
) -> None:
    for ping in kept:
        key = (device.id, ping.time_us)
        other = rows.get(key)
        if other is None:
            rows[key] = (device.id, message.received_us, ping)
        else:
            intake.repeats += 1
            if _rank(ping) < _rank(other[2]):
                rows[key] = (device.id, message.received_us, ping)
    sequence = [ping.seq for ping in kept] + [rejection.seq for rejection in rejected]
    numbers = [seq for seq in sequence if seq is not None and 0 <= seq < MAX_ACKED_SEQ]
    if numbers:
        intake.handled_seqs.setdefault(device.id, set()).update(numbers)


def _rank(ping: Ping) -> tuple[float, float, float]:
    """Which of two pings of one device and time stays: the smaller, as `store` decides in SQL."""
    return (ping.lat, ping.lon, float("inf") if ping.accuracy_m is None else ping.accuracy_m)


def _refused(message: Message, uid: str | None, rejection: Rejected, limits: IntakeLimits) -> Refused:
    return Refused(
        message.received_us,
        message.topic,
        uid,
        rejection.reason,
        rejection.detail,
        message.payload[: limits.keep_payload_bytes],
        len(message.payload),
    )
