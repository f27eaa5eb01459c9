"""What a codec is, and the limits and the error every codec shares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.ping import CommandResult, Decoded, Ping, Presence, Rejected

MAX_SEQ = 2**63 - 1  # a PostgreSQL bigint


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one message may hold; the defaults are those of `config.settings`."""

    max_payload_bytes: int = 256 * 1024
    max_pings: int = 500
    # Per ping. Attributes are kept as sent, so nothing but these stops a device from storing files.
    max_attribute_keys: int = 128  # a tracker on the CAN bus knows a hundred values
    max_attribute_depth: int = 4  # a scalar is 1, {"a": 1} is 2
    max_attribute_bytes: int = 8192  # as compact JSON


@dataclass(frozen=True, slots=True)
class Plain:
    """A shortcut of a codec for bodies with nothing unusual in them, which are nearly all.

    `read` gives one struct a ping, with the fields of `Ping` in their order but for the first, which is the time
    on the wire; None sends the body the careful way. `times_us` turns those first fields into microseconds.
    """

    read: Callable[[bytes, Limits], list[Any] | None]
    times_us: Callable[[Sequence[Any]], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload format and the topics it arrives on.

    A topic pattern is split at `/`: `{uid}` is the device's uid, any other `{name}` is one non-empty
    level, all else is literal. A pattern without `{uid}` is for bodies that name their device
    (`Decoded.uid`). `decode` gets a payload that is neither empty nor too large; it answers bad input
    with `Rejected` and raises nothing.

    `slug` is the last level of `v1/devices/{uid}/formats/{slug}`, where a device may send any format
    under its own name, whatever topics the format itself has.
    """

    name: str
    slug: str
    topics: tuple[str, ...]
    decode: Callable[[bytes, Limits], Decoded]
    plain: Plain | None = None


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


# What one message is: a ping, presence, an answer to a command, a report (see `Decoded.report`), or nothing.
Found = Ping | Presence | CommandResult | dict[str, Any] | None


def decode_each(body: Any, limits: Limits, read: Callable[[Any, Limits], Found]) -> Decoded:
    """Read a body of one message or a list of them; a bad one is refused alone.

    `read` returns None for a message that tells nothing and raises `RefusedError` for a bad one.
    Raises `RefusedError` when the body as a whole is refused.
    """
    if type(body) is not list:
        return _sorted_out([body], limits, read)
    check_batch_size(len(body), limits)
    return _sorted_out(body, limits, read, place="ping {} of {}: ")


def _sorted_out(
    messages: list[Any], limits: Limits, read: Callable[[Any, Limits], Found], place: str = ""
) -> Decoded:
    pings: list[Ping] = []
    rejected: list[Rejected] = []
    presence: Presence | None = None
    results: list[CommandResult] = []
    report: dict[str, Any] = {}
    for number, message in enumerate(messages, 1):
        try:
            found = read(message, limits)
        except RefusedError as error:
            detail = place.format(number, len(messages)) + error.detail
            rejected.append(Rejected(error.reason, detail, readable_seq(message)))
            continue
        if type(found) is Ping:
            pings.append(found)
        elif type(found) is Presence:
            presence = found
        elif type(found) is CommandResult:
            results.append(found)
        elif type(found) is dict:
            report.update(found)
    return Decoded(pings=pings, rejected=rejected, presence=presence, results=results, report=report or None)


def readable_seq(message: Any) -> int | None:
    """The sequence number of a refused ping, so that its device can be told to forget it."""
    seq = message.get("seq") if type(message) is dict else None
    if type(seq) is float and seq.is_integer():
        seq = int(seq)
    return seq if type(seq) is int and 0 <= seq <= MAX_SEQ else None
