"""What a codec is, and the limits and the error every codec shares."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingest.ping import Decoded, Ping, Presence, Rejected

MAX_SEQ = 2**63 - 1  # a PostgreSQL bigint


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one message may hold; the defaults are those of `config.settings`."""

    max_payload_bytes: int = 256 * 1024
    max_pings: int = 500
    # Per ping. Attributes are kept as sent, so nothing but these stops a device from storing files.
    max_attribute_keys: int = 64
    max_attribute_depth: int = 4  # a scalar is 1, {"a": 1} is 2
    max_attribute_bytes: int = 4096  # as compact JSON


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload format and the topics it arrives on.

    A topic pattern is split at `/`: `{uid}` is the device's uid, any other `{name}` is one non-empty
    level, all else is literal. `decode` gets a payload that is neither empty nor too large; it answers
    bad input with `Rejected` and raises nothing.
    """

    name: str
    topics: tuple[str, ...]
    decode: Callable[[bytes, Limits], Decoded]


class RefusedError(Exception):
    """One ping, or the whole body, cannot be used. `reason` is a key of `ingest.ping.REASONS`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def refuse_message(reason: str, detail: str) -> Decoded:
    """A message refused as a whole: it counts as one received and one rejected."""
    return Decoded(pings=[], rejected=[Rejected(reason, detail)])


def check_batch_size(count: int, limits: Limits) -> None:
    """Raise `RefusedError` unless a list of `count` pings may be read."""
    if count == 0:
        raise RefusedError("payload_empty", "the list of pings is empty")
    if count > limits.max_pings:
        raise RefusedError("too_many_pings", f"{count} pings in one message, the limit is {limits.max_pings}")


def decode_each(body: Any, limits: Limits, read: Callable[[Any, Limits], Ping | Presence | None]) -> Decoded:
    """Read a body of one message or a list of them; a bad one is refused alone.

    `read` returns None for a message without a position and raises `RefusedError` for a bad one.
    Raises `RefusedError` when the body as a whole is refused.
    """
    if type(body) is not list:
        return _decode_one(body, limits, read)
    check_batch_size(len(body), limits)
    pings: list[Ping] = []
    rejected: list[Rejected] = []
    presence: Presence | None = None
    for index, message in enumerate(body):
        try:
            found = read(message, limits)
        except RefusedError as error:
            detail = f"ping {index + 1} of {len(body)}: {error.detail}"
            rejected.append(Rejected(error.reason, detail, readable_seq(message)))
        else:
            if type(found) is Ping:
                pings.append(found)
            elif type(found) is Presence:
                presence = found
    return Decoded(pings=pings, rejected=rejected, presence=presence)


def _decode_one(
    message: Any, limits: Limits, read: Callable[[Any, Limits], Ping | Presence | None]
) -> Decoded:
    try:
        found = read(message, limits)
    except RefusedError as error:
        return Decoded(pings=[], rejected=[Rejected(error.reason, error.detail, readable_seq(message))])
    if type(found) is Ping:
        return Decoded(pings=[found])
    return Decoded(pings=[], presence=found if type(found) is Presence else None)


def readable_seq(message: Any) -> int | None:
    """The sequence number of a refused ping, so that its device can be told to forget it."""
    seq = message.get("seq") if type(message) is dict else None
    if type(seq) is float and seq.is_integer():
        seq = int(seq)
    return seq if type(seq) is int and 0 <= seq <= MAX_SEQ else None
