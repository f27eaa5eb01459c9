"""From the messages of a batch to rows worth storing: decode, steps, devices, repeats. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.codecs.codec import Limits, Plain
from ingest.codecs.registry import Route, decode, decode_by, route
from ingest.duty import NOBODY, Phones
from ingest.fleet import Device, Fleet
from ingest.ledger import NO_DEVICE, NONE_ARRIVED, Arrived, arrived, in_all
from ingest.letter import Letter, Refusal
from ingest.ping import REASONS, CommandResult, Decoded, Ping, Presence, Rejected
from ingest.steps import StepContext, apply_steps, needs_a_look
from ingest.track import NONE, Extra, Ints, Pings, from_pings, from_values, numbers_by_device, together

# Larger sequence numbers are kept on the ping but take no part in acks.
MAX_ACKED_SEQ = 2**62
_GATEWAY = "gateway"
# Instead of one that names a phone whose driver had his data erased.
ERASED_TOPIC = "(erased)"


class Message(msgspec.Struct, frozen=True, gc=False):
    """One MQTT message as it came in."""

    topic: str
    payload: bytes
    received_us: int
    doubt_us: int = 0  # of `received_us`, see `ingest.own_clock`
    retained: bool = False  # kept by the broker: news of the past, sent because somebody subscribed


class IntakeLimits(msgspec.Struct, frozen=True):
    codec: Limits
    earliest_us: int
    max_future_us: int
    keep_whole_bytes: int  # a refused message up to this is kept whole, so that it can be played again
    keep_first_bytes: int  # of a larger one so much
    max_past_us: int = 0

    def context(self, message: Message) -> StepContext:
        """Where the server doubts its own clock, what either of its times allows is allowed."""
        doubt_us = message.doubt_us
        future_us = self.max_future_us + max(doubt_us, 0)
        past_us = self.max_past_us and self.max_past_us + max(-doubt_us, 0)
        return StepContext(message.received_us, self.earliest_us, future_us, past_us)

    def letter(self, message: Message, device_id: int, uid: str | None, phones: Phones) -> Letter:
        """Without refusals as yet. Beside a refused ping a driver's phone may have sent others, made off duty."""
        size = len(message.payload)
        payload = (
            message.payload if size <= self.keep_whole_bytes else message.payload[: self.keep_first_bytes]
        )
        if phones.is_private(uid):
            payload = b""
        if phones.is_erased(uid):
            return Letter(message.received_us, ERASED_TOPIC, device_id, None, payload, size, [])
        return Letter(message.received_us, message.topic, device_id, uid, payload, size, [])


class Told(msgspec.Struct, frozen=True):
    """What a device said of itself besides positions."""

    device: Device
    received_us: int
    presence: Presence | None
    results: Sequence[CommandResult]
    report: dict[str, Any] | None


class Spoke(msgspec.Struct, frozen=True):
    """Who gave a sign of life in a batch, and the last message of each. Columns of one row a device."""

    device: Ints
    message: Ints  # its number in the batch


class Intake(msgspec.Struct, frozen=True):
    """What a batch of messages came to; `len(came)` is pings, repeated and refused ones together."""

    came: Arrived  # every ping as it was read, counted before anything is decided about it
    pings: Pings  # no two with the same device and time
    repeated: Arrived  # pings whose device and time another ping of this batch has too
    letters: list[Letter]  # what was refused
    handled_seqs: dict[int, set[int]]  # device id -> numbers that need no resending
    told: list[Told]
    spoke: Spoke
    deferred: frozenset[int] = frozenset()  # numbers of messages that are backlog and were left for later


def take_in(
    messages: Sequence[Message],
    fleet: Fleet,
    limits: IntakeLimits,
    defer_after_us: int = 0,
    phones: Phones = NOBODY,
) -> Intake:
    """Decode and check every message; nothing here raises for what a device sent.

    With `defer_after_us` messages of which even the newest ping is older than that at its arrival are left for
    later, untouched; 0 = none are. `phones` says whose positions may be taken when.
    """
    desk = _Desk(messages, fleet, limits, phones)
    for number, message in enumerate(messages):
        desk.take(number, message)
    ids = desk.ids()
    pings, origin = desk.columns(ids)
    deferred = desk.backlog(pings, origin, defer_after_us)
    if deferred:
        rows = np.flatnonzero(~np.isin(origin, list(deferred)))
        pings, origin = pings.take(rows), origin[rows]
    came = in_all([arrived(pings), desk.unread()])
    kept, repeated = _without_repeats(desk.on_duty(*desk.checked(pings, origin)))
    letters = list(desk.letters.values())
    return Intake(came, kept, repeated, letters, desk.handled_seqs, desk.told, desk.spoke(ids), deferred)


class _Desk:
    """Messages being read: piles of pings, each with the number of its message."""

    def __init__(
        self, messages: Sequence[Message], fleet: Fleet, limits: IntakeLimits, phones: Phones
    ) -> None:
        self._messages, self._fleet, self._limits, self._phones = messages, fleet, limits, phones
        self._devices: list[Device | None] = []
        self._uids: list[str | None] = []
        self._plain: dict[Plain, tuple[list[Any], list[int], list[int]]] = {}
        self._pings: list[Ping] = []
        self._origins: list[int] = []
        self._unread: list[int] = []
        self._no_sign_of_life: list[int] = []
        self.letters: dict[int, Letter] = {}
        self.handled_seqs: dict[int, set[int]] = {}
        self.told: list[Told] = []
        self._settled: set[int] = set()  # messages of which something was written down already

    def take(self, number: int, message: Message) -> None:
        if message.retained:
            self._no_sign_of_life.append(number)
        found = route(message.topic)
        uid = None if found is None else found.uid
        device = None if uid is None else self._fleet.by_uid.get(uid)
        plain = None if found is None or device is None or found.gateway else found.codec.plain
        if plain is not None and len(message.payload) <= self._limits.codec.max_payload_bytes:
            structs = plain.read(message.payload, self._limits.codec)
            if structs is not None:
                pile = self._plain.setdefault(plain, ([], [], []))
                pile[0].extend(structs)
                pile[1].append(number)
                pile[2].append(len(structs))
                self._devices.append(device)
                self._uids.append(uid)
                return
        self._read_carefully(number, message, found)

    def _read_carefully(self, number: int, message: Message, found: Route | None) -> None:
        decoded = _decoded(message, found, self._limits.codec)
        uid = decoded.uid if found is None or found.uid is None else found.uid
        device = self._device(uid, found)
        self._devices.append(device)
        self._uids.append(uid)
        self._unread += [number] * (len(decoded.rejected) + (0 if device else len(decoded.pings)))
        if decoded.rejected or device is None:
            self._settled.add(number)
        for rejection in decoded.rejected:
            self.refuse(number, rejection)
        if device is None:
            why = f"no enabled device {uid!r} is registered"
            if found is not None and found.gateway is not None:
                why += f" with the carrier of an enabled gateway {found.gateway!r}"
            for ping in decoded.pings:
                self.refuse(number, Rejected("unknown_device", why, ping.seq))
            return
        self._pings += decoded.pings
        self._origins += [number] * len(decoded.pings)
        presence = _news(decoded.presence, message)
        if decoded.presence is not None and (presence is None or not _is_its_own(presence)):
            self._no_sign_of_life.append(number)
        if presence is not None or decoded.results or decoded.report is not None:
            self._settled.add(number)
            results = [_of_command(result, found) for result in decoded.results]
            self.told.append(Told(device, message.received_us, presence, results, decoded.report))

    def _device(self, uid: str | None, found: Route | None) -> Device | None:
        """The device that a message is of; a gateway speaks only for those of its own carrier."""
        device = None if uid is None else self._fleet.by_uid.get(uid)
        if device is None or found is None or found.gateway is None:
            return device
        gateway = self._fleet.by_uid.get(found.gateway)
        if gateway is None or gateway.kind != _GATEWAY or gateway.carrier != device.carrier:
            return None
        return device

    def ids(self) -> Ints:
        """The device of each message."""
        return np.array([NONE if device is None else device.id for device in self._devices], np.int64)

    def spoke(self, ids: Ints) -> Spoke:
        """A last will is no sign of life, and neither is what the broker tells or has kept."""
        ids = ids.copy()
        ids[self._no_sign_of_life] = NONE
        # Of several places the first is found, and the last is wanted.
        devices, places = np.unique(ids[::-1], return_index=True)
        known = devices != NONE
        return Spoke(devices[known], len(ids) - 1 - places[known])

    def columns(self, ids: Ints) -> tuple[Pings, Ints]:
        """All pings read, and the number of the message of each."""
        received_us = np.array([message.received_us for message in self._messages], np.int64)
        parts, origins = [], []
        for plain, (structs, numbers, counts) in self._plain.items():
            rows = [msgspec.structs.astuple(struct) for struct in structs]
            origin = np.repeat(np.array(numbers, np.int64), counts)
            times_us = plain.times_us([row[0] for row in rows])
            parts.append(from_values(rows, ids[origin], times_us, received_us[origin], {}))
            origins.append(origin)
        if self._pings or not parts:
            origin = np.array(self._origins, np.int64)
            parts.append(from_pings(self._pings, ids[origin], received_us[origin]))
            origins.append(origin)
        return (parts[0] if len(parts) == 1 else together(parts)), np.concatenate(origins)

    def unread(self) -> Arrived:
        """The pings that did not become a row of `columns`: unreadable, or of no device."""
        messages, devices = self._messages, self._devices
        ids = [NO_DEVICE if device is None else device.id for device in (devices[n] for n in self._unread)]
        received_us = [messages[number].received_us for number in self._unread]
        return Arrived(np.array(ids, np.int64), np.array(received_us, np.int64))

    def backlog(self, pings: Pings, origin: Ints, defer_after_us: int) -> frozenset[int]:
        """Numbers of messages that hold nothing but old pings."""
        old = pings.received_us - pings.time_us > defer_after_us
        if not defer_after_us or not old.any():
            return frozenset()
        holds_old = np.zeros(len(self._messages), bool)
        holds_new = np.zeros(len(self._messages), bool)
        holds_old[origin[old]] = True
        holds_new[origin[~old]] = True
        return frozenset(np.flatnonzero(holds_old & ~holds_new).tolist()) - self._settled

    def checked(self, pings: Pings, origin: Ints) -> tuple[Pings, Ints]:
        """The pings that pass the steps, with the numbers of their messages; the others are refused."""
        limits = self._limits
        for device_id, numbers in numbers_by_device(pings.device, pings.seq, MAX_ACKED_SEQ).items():
            self.handled_seqs.setdefault(device_id, set()).update(numbers)
        doubtful = needs_a_look(pings, limits.earliest_us, limits.max_future_us, limits.max_past_us)
        if not len(doubtful):
            return pings, origin
        keep = np.ones(len(pings), bool)
        times_us = pings.time_us.copy()
        extra = dict(pings.extra)
        for row in doubtful.tolist():
            message = self._messages[origin[row]]
            kept, rejected = apply_steps([pings.ping(row)], limits.context(message))
            for rejection in rejected:
                self.refuse(int(origin[row]), rejection)
            keep[row] = bool(kept)
            if kept and kept[0].time_us != times_us[row]:
                times_us[row] = kept[0].time_us
                extra[row] = Extra(kept[0].alarms, kept[0].attributes)
        rows = np.flatnonzero(keep)
        return replace(pings, time_us=times_us, extra=extra).take(rows), origin[rows]

    def on_duty(self, pings: Pings, origin: Ints) -> Pings:
        """The pings that may be taken of whose phone it is; of the others nothing is kept."""
        refused = self._phones.off_duty(pings.device, pings.time_us)
        if not len(refused):
            return pings
        for row in refused.tolist():
            seq = int(pings.seq[row])
            self.refuse(int(origin[row]), Rejected("off_duty", seq=None if seq == NONE else seq))
        return pings.take(np.delete(np.arange(len(pings)), refused))

    def refuse(self, number: int, rejection: Rejected) -> None:
        message, device = self._messages[number], self._devices[number]
        uid = self._uids[number]
        if number not in self.letters:
            device_id = NO_DEVICE if device is None else device.id
            self.letters[number] = self._limits.letter(message, device_id, uid, self._phones)
        self.letters[number].refusals.append(refusal(rejection.reason, rejection.detail, uid, self._phones))
        if device is not None and rejection.seq is not None and 0 <= rejection.seq < MAX_ACKED_SEQ:
            self.handled_seqs.setdefault(device.id, set()).add(rejection.seq)


def refusal(reason: str, detail: str, uid: str | None, phones: Phones) -> Refusal:
    """Words may quote any of a message: those about a driver's phone are general ones."""
    return Refusal(reason, REASONS[reason] if phones.is_private(uid) else detail)


def _news(presence: Presence | None, message: Message) -> Presence | None:
    """A kept "online" was true once: the device may have gone while nobody listened. A kept goodbye stands."""
    return None if presence is not None and message.retained and presence.online else presence


def _is_its_own(presence: Presence) -> bool:
    """Whether the device itself was there to say it."""
    return presence.online and presence.connection_us is None


def device_uid(message: Message, limits: Limits) -> str | None:
    """The device that a message is of, by its topic or else by its body."""
    found = route(message.topic)
    if found is None or found.uid is not None:
        return None if found is None else found.uid
    return _decoded(message, found, limits).uid


def _of_command(result: CommandResult, found: Route | None) -> CommandResult:
    """With the command that the topic names, where the body does not."""
    if result.command_id is not None or found is None or found.command is None:
        return result
    return msgspec.structs.replace(result, command_id=found.command)


def _decoded(message: Message, found: Route | None, limits: Limits) -> Decoded:
    if found is None:
        return decode(message.topic, message.payload, limits)
    return decode_by(found.codec, message.payload, limits)


def _without_repeats(pings: Pings) -> tuple[Pings, Arrived]:
    """One ping of each device and time, and the others.

    The smaller one stays, as `store` decides in SQL: by latitude, longitude, accuracy, unknown last.
    """
    if len(pings) < 2:
        return pings, NONE_ARRIVED
    order = np.lexsort((pings.time_us, pings.device))
    if not _same_as_before(pings, order).any():
        return pings, NONE_ARRIVED
    accuracy_m = np.nan_to_num(pings.accuracy_m, nan=np.inf)
    order = np.lexsort((accuracy_m, pings.lon, pings.lat, pings.time_us, pings.device))
    repeat = np.concatenate([[False], _same_as_before(pings, order)])
    return pings.take(np.sort(order[~repeat])), arrived(pings.take(order[repeat]))


def _same_as_before(pings: Pings, order: Ints) -> NDArray[np.bool_]:
    device, time_us = pings.device[order], pings.time_us[order]
    same: NDArray[np.bool_] = (device[1:] == device[:-1]) & (time_us[1:] == time_us[:-1])
    return same
