"""A publisher that costs next to nothing: prebuilt QoS 1 packets over raw sockets, for benches and chaos tests.

Packets are built before the clock starts. A refill is one `write` of a slice of a prebuilt buffer, and
PUBACKs are counted a socket read at a time with numpy, so the CPU belongs to whoever is being measured.
Run it under uvloop for the last third of the speed.
"""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

PACKET_IDS = 65_535
PUBACK_HEAD = b"\x40\x02"
CONNECT, CONNACK, PUBLISH_QOS1, PUBACK, DISCONNECT = 0x10, 0x20, 0x32, 0x40, 0xE0
RECEIVE_MAXIMUM = 0x21
TICK_S = 0.001  # granularity of a fixed rate
LONGEST_NAP_S, SHORTEST_NAP_S = 0.005, 0.001
NAP_RATE = 200_000  # messages per second that naps must never hold back
PROGRESS_S = 0.1
CONNECT_TIMEOUT_S = 15.0
Floats = npt.NDArray[np.float64]


class BlastError(Exception):
    """The broker refused or dropped a publisher, or did not answer in time."""


@dataclass(frozen=True, slots=True)
class ClientPlan:
    """One connection and what it publishes, in this order."""

    client_id: str
    messages: Iterable[tuple[str, bytes]]
    username: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class ClientResult:
    """Times are `time.time()` seconds by message number; NaN where it was not sent or not acked."""

    client_id: str
    sent_at_s: Floats
    acked_at_s: Floats


@dataclass(frozen=True, slots=True)
class BlastResult:
    messages: int
    acked: int
    seconds: float  # first write to last PUBACK
    rate: float  # PUBACKs per second
    puback_p50_ms: float
    puback_p99_ms: float
    clients: tuple[ClientResult, ...]


async def blast(
    host: str,
    port: int,
    *,
    clients: Sequence[ClientPlan],
    in_flight: int = 1000,
    rate: float | None = None,
    protocol: Literal["3.1.1", "5"] = "5",
    timeout_s: float = 300.0,
    on_progress: Callable[[int], None] | None = None,
) -> BlastResult:
    """Publish everything at QoS 1 with at most `in_flight` unacknowledged messages per client.

    `rate` is a fixed total of messages per second over all clients, None as fast as acks allow.
    `on_progress(acked)` is called about ten times a second. A broker that allows fewer in flight (MQTT 5
    Receive Maximum) is obeyed. Raises BlastError on refusal, a lost connection, or after `timeout_s`.
    """
    publishers = [_Publisher(plan, protocol, in_flight) for plan in clients]
    for publisher in publishers:
        await _connect(publisher, host, port, publishers)
    began = time.perf_counter()
    share = len(publishers)
    feeders = [asyncio.create_task(p.feed(rate / share if rate else None, share)) for p in publishers]
    try:
        async with asyncio.timeout(timeout_s):
            await _watch(publishers, on_progress)
    except TimeoutError as error:
        raise BlastError(f"{sum(p.acked for p in publishers)} acked after {timeout_s} s") from error
    finally:
        for feeder in feeders:
            feeder.cancel()
        await asyncio.gather(*feeders, return_exceptions=True)
        _close(publishers)
    return _result(publishers, began)


async def _connect(publisher: "_Publisher", host: str, port: int, publishers: list["_Publisher"]) -> None:
    try:
        await asyncio.get_running_loop().create_connection(lambda: publisher, host, port)
        await asyncio.wait_for(publisher.ready, CONNECT_TIMEOUT_S)
    except (OSError, TimeoutError) as error:
        _close(publishers)
        raise BlastError(f"{publisher.plan.client_id} cannot connect to {host}:{port}: {error}") from error
    except BlastError:
        _close(publishers)
        raise


async def _watch(publishers: list["_Publisher"], on_progress: Callable[[int], None] | None) -> None:
    waiting: set[asyncio.Future[None]] = {p.done for p in publishers}
    while waiting:
        finished, waiting = await asyncio.wait(waiting, timeout=PROGRESS_S, return_when="FIRST_EXCEPTION")
        for future in finished:
            future.result()
        if on_progress is not None:
            on_progress(sum(p.acked for p in publishers))


def _close(publishers: list["_Publisher"]) -> None:
    for publisher in publishers:
        publisher.close()


def _result(publishers: list["_Publisher"], began: float) -> BlastResult:
    to_wall = time.time() - time.perf_counter()
    sent = np.concatenate([p.sent_at for p in publishers])
    acked = np.concatenate([p.acked_at for p in publishers])
    count = int(np.count_nonzero(~np.isnan(acked)))
    seconds = float(np.nanmax(acked) - began) if count else 0.0
    delays_ms = (acked - sent)[~np.isnan(acked)] * 1000.0
    return BlastResult(
        messages=len(sent),
        acked=count,
        seconds=seconds,
        rate=count / seconds if seconds else 0.0,
        puback_p50_ms=float(np.percentile(delays_ms, 50)) if count else 0.0,
        puback_p99_ms=float(np.percentile(delays_ms, 99)) if count else 0.0,
        clients=tuple(
            ClientResult(p.plan.client_id, p.sent_at + to_wall, p.acked_at + to_wall) for p in publishers
        ),
    )


@dataclass(slots=True)
class _Packets:
    """PUBLISH packets back to back; packet i lies at `offsets[i]:offsets[i + 1]` with id i % 65535 + 1."""

    body: bytearray = field(default_factory=bytearray)
    offsets: list[int] = field(default_factory=lambda: [0])

    def add(self, topic: str, payload: bytes, *, v5: bool) -> None:
        name = topic.encode()
        packet_id = (len(self.offsets) - 1) % PACKET_IDS + 1
        head = _text(name) + struct.pack(">H", packet_id) + (b"\x00" if v5 else b"")
        self.body += bytes((PUBLISH_QOS1,)) + _length(len(head) + len(payload)) + head + payload
        self.offsets.append(len(self.body))


class _Publisher(asyncio.Protocol):
    def __init__(self, plan: ClientPlan, protocol: str, in_flight: int) -> None:
        if not 1 <= in_flight <= PACKET_IDS:
            raise ValueError(f"in_flight must be 1 to {PACKET_IDS}, not {in_flight}")
        self.plan = plan
        self.v5 = protocol == "5"
        self.window = in_flight
        packets = _Packets()
        for topic, payload in plan.messages:
            packets.add(topic, payload, v5=self.v5)
        self.count = len(packets.offsets) - 1
        self.offsets = packets.offsets
        self.body = memoryview(packets.body)
        self.sent = self.acked = 0
        self.sent_at: Floats = np.full(self.count, np.nan)
        self.acked_at: Floats = np.full(self.count, np.nan)
        self.allowed = 0  # by the fixed rate; `count` when there is none
        self.nap_s = 0.0
        self.lowest_unacked = 0
        self.transport: asyncio.Transport | None = None
        self.buffer = b""
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is one in behaviour, not by inheritance.
        self.transport = cast(asyncio.Transport, transport)
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transport.write(_connect_packet(self.plan, v5=self.v5))

    def connection_lost(self, exc: Exception | None) -> None:
        error = BlastError(f"{self.plan.client_id}: connection lost ({exc or 'closed by the broker'})")
        for future in (self.ready, self.done):
            if not future.done():
                future.set_exception(error)
                future.exception()  # the waiter may be gone; not worth a warning

    def close(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(bytes((DISCONNECT, 0)))
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self.nap_s and self.transport is not None:
            # Acks come one by one; a short nap lets hundreds of them share one read.
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(self.nap_s, self._resume)
        if self.buffer:
            data = self.buffer + data
            self.buffer = b""
        if len(data) == 4 and data[:2] == PUBACK_HEAD:
            self._take_ack(data[2] << 8 | data[3])
            return
        if self.ready.done():
            whole = len(data) & ~3
            words = np.frombuffer(data, dtype=">u4", count=whole >> 2)
            # Nearly always every packet is the 4-byte PUBACK 0x40 0x02 id.
            if len(words) and bool(((words >> 16) == 0x4002).all()):
                self.buffer = data[whole:]
                self._take_acks((words & 0xFFFF).astype(np.int64))
                return
        self._parse(data)

    def _resume(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def _parse(self, data: bytes) -> None:
        """Any packets, one by one: CONNACK, PUBACKs with a reason code, PINGRESP."""
        at, ids = 0, []
        while (packet := _split(data, at)) is not None:
            kind, start, at = packet
            if kind == CONNACK:
                self._connack(data[start:at])
            elif kind == PUBACK:
                if at - start > 2 and data[start + 2] >= 0x80:
                    self._fail(f"PUBLISH refused with reason {data[start + 2]}")
                    return
                ids.append(data[start] << 8 | data[start + 1])
            elif kind == DISCONNECT:
                self._fail(f"the broker disconnected with reason {data[start] if at > start else 0}")
                return
        self.buffer = data[at:]
        if ids:
            self._take_acks(np.array(ids, dtype=np.int64))

    def _connack(self, body: bytes) -> None:
        if body[1]:
            self._fail(f"connection refused with reason {body[1]}")
            return
        if self.v5:
            self.window = min(self.window, _receive_maximum(body[2:]))
        if not self.count and not self.done.done():
            self.done.set_result(None)
        if not self.ready.done():
            self.ready.set_result(None)

    def _fail(self, why: str) -> None:
        self.connection_lost(BlastError(why))
        assert self.transport is not None
        self.transport.abort()

    async def feed(self, rate: float | None, share: int) -> None:
        """Open the tap, one of `share` publishers: everything at once, or `rate` messages per second."""
        if rate is None:
            nap_s = min(self.window * share / NAP_RATE, LONGEST_NAP_S)
            self.nap_s = nap_s if nap_s >= SHORTEST_NAP_S else 0.0
            self.allowed = self.count
            self.refill()
            return
        began = time.perf_counter()
        while self.sent < self.count:
            self.allowed = min(self.count, int((time.perf_counter() - began) * rate) + 1)
            self.refill()
            await asyncio.sleep(max(TICK_S, 0.5 / rate))

    def refill(self) -> None:
        start = self.sent
        # The id of packet i is free again only when packet i - 65535 is acked.
        end = min(self.allowed, self.acked + self.window, self.lowest_unacked + PACKET_IDS)
        if end <= start or self.transport is None or self.transport.is_closing():
            return
        self.sent_at[start:end] = time.perf_counter()
        self.sent = end
        self.transport.write(self.body[self.offsets[start] : self.offsets[end]])

    def _take_ack(self, packet_id: int) -> None:
        """One ack without numpy's fixed cost: the common case at a fixed rate."""
        last = self.sent - 1
        slot = (last // PACKET_IDS - (packet_id > last % PACKET_IDS + 1)) * PACKET_IDS + packet_id - 1
        if slot >= 0 and np.isnan(self.acked_at[slot]):
            self.acked_at[slot] = time.perf_counter()
            self.acked += 1
        self._go_on()

    def _take_acks(self, ids: npt.NDArray[np.int64]) -> None:
        # Of all messages with this id it is the newest one sent.
        last = self.sent - 1
        slots = (last // PACKET_IDS - (ids > last % PACKET_IDS + 1)) * PACKET_IDS + ids - 1
        slots = slots[slots >= 0]
        slots = slots[np.isnan(self.acked_at[slots])]
        self.acked_at[slots] = time.perf_counter()
        self.acked += len(slots)
        self._go_on()

    def _go_on(self) -> None:
        if self.sent - self.lowest_unacked >= PACKET_IDS - self.window:
            unacked = np.flatnonzero(np.isnan(self.acked_at[self.lowest_unacked : self.sent]))
            self.lowest_unacked = self.lowest_unacked + int(unacked[0]) if len(unacked) else self.sent
        self.refill()
        if self.acked == self.count and not self.done.done():
            self.done.set_result(None)


def _connect_packet(plan: ClientPlan, *, v5: bool) -> bytes:
    flags = 0x02 | (0x80 if plan.username is not None else 0) | (0x40 if plan.password is not None else 0)
    body = b"\x00\x04MQTT" + bytes((5 if v5 else 4, flags)) + struct.pack(">H", 0)
    body += b"\x00" if v5 else b""
    for value in (plan.client_id, plan.username, plan.password):
        if value is not None:
            body += _text(value.encode())
    return bytes((CONNECT,)) + _length(len(body)) + body


def _text(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def _length(size: int) -> bytes:
    """MQTT's variable byte integer."""
    out = bytearray()
    while True:
        size, digit = size >> 7, size & 0x7F
        out.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(out)


def _split(data: bytes, at: int) -> tuple[int, int, int] | None:
    """(packet type, start of body, end) of the packet at `at`; None when it is not complete."""
    size, shift, position = 0, 0, at + 1
    while position < len(data):
        size |= (data[position] & 0x7F) << shift
        if not data[position] & 0x80:
            end = position + 1 + size
            return (data[at] & 0xF0, position + 1, end) if end <= len(data) else None
        shift, position = shift + 7, position + 1
    return None


# Sizes of the fixed CONNACK properties, MQTT 5 section 3.2.2.3; the others are strings.
_FIXED_SIZES = {0x11: 4, 0x21: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x22: 2, 0x28: 1, 0x29: 1, 0x2A: 1, 0x13: 2}
_STRING_PAIR = 0x26


def _receive_maximum(properties: bytes) -> int:
    """The broker's Receive Maximum; 65,535 when it does not say."""
    at = 0
    while properties[at] & 0x80:  # the length of all properties, not needed
        at += 1
    at += 1
    while at < len(properties):
        identifier = properties[at]
        at += 1
        if identifier == RECEIVE_MAXIMUM:
            return int.from_bytes(properties[at : at + 2], "big")
        if identifier in _FIXED_SIZES:
            at += _FIXED_SIZES[identifier]
            continue
        for _ in range(2 if identifier == _STRING_PAIR else 1):
            at += 2 + int.from_bytes(properties[at : at + 2], "big")
    return PACKET_IDS
