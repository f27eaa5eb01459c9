"""One device on the network: publishes, keeps each ping until it is acknowledged, comes back after a cut."""

import asyncio
import contextlib
import random
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import aiomqtt
import msgspec
from aiomqtt.exceptions import MqttConnectError

from .commands import Controls
from .faults import grouped
from .fix import Fix, Message
from .outbox import Outbox, OutboxFullError
from .payload import Payload, ack_topic, commands_topic, presence, publications, result_topic

# CONNACK reasons that no retry repairs: protocol version, client id, credentials, permission, ban.
REFUSALS = {132, 133, 134, 135, 138}
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
RESEND_BATCH = 100
MAX_PATIENCE = 16.0
QUEUE_LIMIT = 200  # messages waiting for the window; `send` waits beyond it


class DeviceRefusedError(Exception):
    """The broker will not let this device in; trying again with the same credentials is pointless."""


class Ack(msgspec.Struct):
    """The platform's answer: numbers <= `seq` and inclusive `ranges` are stored (or rejected for good)."""

    seq: int | None = None
    ranges: list[tuple[int, int]] = []


@dataclass(frozen=True, slots=True)
class Broker:
    """Where devices connect."""

    host: str = "127.0.0.1"
    port: int = 1883
    protocol: Literal["3.1.1", "5"] = "5"
    keepalive_s: int = 60
    timeout_s: float = 15.0

    @property
    def version(self) -> aiomqtt.ProtocolVersion:
        return aiomqtt.ProtocolVersion.V5 if self.protocol == "5" else aiomqtt.ProtocolVersion.V311


@dataclass(frozen=True, slots=True)
class Habits:
    """How the firmware behaves. `ack_timeout_s` doubles while acks stay away, up to 16 times."""

    in_flight: int = 20
    ack_timeout_s: float = 15.0


@dataclass(slots=True)
class Counts:
    pings: int = 0  # different pings handed to the device
    messages: int = 0  # MQTT messages the broker took (PUBACK)
    published: int = 0  # pings in them, repeats included
    acked: int = 0  # pings acknowledged: by the platform, for OwnTracks by the broker
    resent: int = 0  # pings sent again by the device's own decision
    connects: int = 0
    bad_acks: int = 0  # messages on the acks topic that were not acks
    commands: int = 0  # messages on the commands topic, repeats and bad ones included


class Device:
    """Use as an async context manager; `send`, then `drained`. Client id = user name = uid.

    A task connects and reconnects with growing pauses. Credentials refused at the first connect end
    it: `send` and `drained` then raise DeviceRefusedError.
    """

    def __init__(
        self,
        broker: Broker,
        uid: str,
        password: str | None = None,
        *,
        payload: Payload = Payload.NATIVE,
        outbox: Outbox | None = None,
        habits: Habits | None = None,
        controls: Controls | None = None,
    ) -> None:
        self.broker, self.uid, self.payload = broker, uid, payload
        self.controls = controls if controls is not None else Controls()
        self.outbox = outbox if outbox is not None else Outbox()
        self.counts = Counts()
        self._password = password
        self._habits = habits or Habits()
        self._queue: deque[Message] = deque()
        self._flying: dict[int, Message] = {}  # on their way to the broker, by identity
        self._patience = 1.0  # multiplies the ack timeout
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    async def __aenter__(self) -> Self:
        self._enqueue_again(self.outbox.all())  # kept by an earlier run
        self._task = asyncio.create_task(self._live(), name=f"device {self.uid}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self.outbox.close()

    @property
    def in_flight(self) -> int:
        """Messages on their way to the broker, without a PUBACK yet."""
        return len(self._flying)

    async def send(self, fixes: Sequence[Fix], *, backlog: bool = False, sent_us: int | None = None) -> None:
        """Keep numbered fixes and queue one message; waits for room, not for an answer."""
        due_us = time.time_ns() // 1000 if sent_us is None else sent_us
        message = Message(due_us=due_us, fixes=tuple(fixes), backlog=backlog)
        await self._wait(lambda: len(self._queue) < QUEUE_LIMIT and self._keep(message))
        newest = max(message.fixes, key=lambda fix: fix.time_us, default=None)
        last = self.controls.last
        if newest is not None and (last is None or newest.time_us >= last.time_us):
            self.controls.last = newest
        self._queue.append(message)
        await self._notify()

    async def connected(self, *, patience_s: float = 60.0) -> bool:
        """Wait for the first connection; False when there is none yet after `patience_s`."""
        try:
            await asyncio.wait_for(self._wait(lambda: self.counts.connects > 0), patience_s)
        except TimeoutError:
            return False
        return True

    async def drained(self, *, patience_s: float = 60.0) -> bool:
        """Wait until every ping is acknowledged; False after `patience_s` without any progress."""
        while not self._is_idle():
            before = (self.counts.acked, self.counts.messages)
            try:
                await asyncio.wait_for(self._wait(self._is_idle), patience_s)
            except TimeoutError:
                if (self.counts.acked, self.counts.messages) == before:
                    return False
        return True

    def _is_idle(self) -> bool:
        return not self._queue and not self._flying and not len(self.outbox)

    def _keep(self, message: Message) -> bool:
        try:
            self.counts.pings += self.outbox.add(message.fixes)
        except OutboxFullError:
            return False
        return True

    async def _wait(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._failure is not None or condition())
        if self._failure is not None:
            raise self._failure

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _live(self) -> None:
        pause_s = FIRST_PAUSE_S
        while self._failure is None:
            connects = self.counts.connects
            try:
                await self._connection()
            except MqttConnectError as error:
                if _reason(error) in REFUSALS and not self.counts.connects:
                    self._failure = DeviceRefusedError(
                        f"the broker refused device {self.uid!r}: {_words(error)}"
                    )
                    break
            except aiomqtt.MqttError:
                pass  # cut or unreachable: what is kept is sent again
            pause_s = FIRST_PAUSE_S if self.counts.connects > connects else min(2 * pause_s, LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
        await self._notify()

    async def _connection(self) -> None:
        """One connection, from CONNECT to its loss (raises MqttError) or the device's leave."""
        async with self._client() as client:
            self.counts.connects += 1
            if self.payload.acknowledged:
                await client.subscribe([(ack_topic(self.uid), 1), (commands_topic(self.uid), 1)])
            await self._tell_presence(client, online=True)
            self._enqueue_again(self.outbox.overdue(float("inf")))
            await self._notify()
            try:
                await self._work(client)
            except asyncio.CancelledError:
                with contextlib.suppress(aiomqtt.MqttError):
                    await self._tell_presence(client, online=False)
                raise

    async def _work(self, client: aiomqtt.Client) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(client))
                tasks.create_task(self._resend_overdue())
                await self._publish_queue(client, tasks)
        except BaseExceptionGroup as errors:
            lost, other = errors.split(aiomqtt.MqttError)
            if other is not None:
                raise other from None
            assert lost is not None
            raise aiomqtt.MqttError(str(lost.exceptions[0])) from None
        finally:
            # Not in the publishing task: one that is cancelled before its first step runs no `finally`.
            for message in reversed(self._flying.values()):
                self._queue.appendleft(message)
                self.counts.resent += len(message.fixes)
            self._flying.clear()

    async def _publish_queue(self, client: aiomqtt.Client, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._wait(lambda: bool(self._queue) and len(self._flying) < self._habits.in_flight)
            message = self._queue.popleft()
            self._flying[id(message)] = message
            tasks.create_task(self._publish(client, message))

    async def _publish(self, client: aiomqtt.Client, message: Message) -> None:
        for topic, body in publications(self.uid, self.payload, message):
            await client.publish(topic, body, qos=1)
            self.counts.messages += 1
        self.counts.published += len(message.fixes)
        del self._flying[id(message)]
        seqs = [fix.seq for fix in message.fixes]
        if self.payload.acknowledged:
            self.outbox.mark_sent(seqs, time.monotonic())
        else:
            self.counts.acked += self.outbox.forget(seqs)
        await self._notify()

    async def _read(self, client: aiomqtt.Client) -> None:
        commands = commands_topic(self.uid)
        async for message in client.messages:
            if message.topic.value == commands:
                await self._obey(client, bytes(message.payload))
            else:
                await self._take_ack(message.payload)

    async def _take_ack(self, payload: Any) -> None:
        try:
            ack = msgspec.json.decode(payload, type=Ack)
        except (msgspec.DecodeError, TypeError):
            self.counts.bad_acks += 1
            return
        done = self.outbox.acknowledge(ack.seq, ack.ranges)
        if done:
            self.counts.acked += done
            self._patience = 1.0
            await self._notify()

    async def _obey(self, client: aiomqtt.Client, payload: bytes) -> None:
        self.counts.commands += 1
        now_us = time.time_ns() // 1000
        done = self.controls.take(payload, now_us)
        if done is None:
            return
        if done.report and self.controls.last is not None:
            # Before the answer, so that whoever reads that finds the position.
            fixes = (self.controls.last,)
            for topic, body in publications(self.uid, self.payload, Message(due_us=now_us, fixes=fixes)):
                await client.publish(topic, body, qos=1)
        for answer in done.answers:
            await client.publish(result_topic(self.uid, done.command_id), msgspec.json.encode(answer), qos=1)
        await self._notify()

    async def _resend_overdue(self) -> None:
        timeout_s = self._habits.ack_timeout_s
        while True:
            await asyncio.sleep(min(1.0, timeout_s / 4))
            late = self.outbox.overdue(time.monotonic() - timeout_s * self._patience)
            if late:
                self._patience = min(2 * self._patience, MAX_PATIENCE)
                self._enqueue_again(late)
                await self._notify()

    def _enqueue_again(self, fixes: Sequence[Fix]) -> None:
        """Queue kept pings before everything else, in batches, in the lane of old pings."""
        groups = list(grouped(fixes, RESEND_BATCH))
        for group in reversed(groups):
            self._queue.appendleft(Message(due_us=time.time_ns() // 1000, fixes=group, backlog=True))
        self.outbox.mark_sent((fix.seq for fix in fixes), None)
        self.counts.resent += len(fixes)

    async def _tell_presence(self, client: aiomqtt.Client, *, online: bool) -> None:
        status = presence(self.uid, self.payload, online=online, now_us=time.time_ns() // 1000)
        if status is not None and (online or self.payload.acknowledged):
            topic, body, retain = status
            await client.publish(topic, body, qos=1, retain=retain, timeout=2.0)

    def _client(self) -> aiomqtt.Client:
        broker = self.broker
        last_words = presence(self.uid, self.payload, online=False, now_us=time.time_ns() // 1000)
        client = aiomqtt.Client(
            broker.host,
            broker.port,
            identifier=self.uid,
            username=self.uid,
            password=self._password,
            protocol=broker.version,
            keepalive=broker.keepalive_s,
            timeout=broker.timeout_s,
            will=aiomqtt.Will(last_words[0], last_words[1], qos=1, retain=last_words[2])
            if last_words
            else None,
            max_inflight_messages=self._habits.in_flight,
            # Else Nagle holds each small PUBLISH back for 40 ms behind the one before.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            clean_session=True if broker.protocol == "3.1.1" else None,
        )
        # aiomqtt warns about many calls at once; the window is ours on purpose.
        client.pending_calls_threshold = self._habits.in_flight + 10
        return client


def _words(error: MqttConnectError) -> str:
    """aiomqtt's text is `[code:135] Not authorized`, which Rich takes for markup."""
    return str(error).partition("] ")[2] or str(error)


def _reason(error: MqttConnectError) -> int:
    return error.rc if isinstance(error.rc, int) else getattr(error.rc, "value", -1)
