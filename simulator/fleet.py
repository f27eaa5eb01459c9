"""Many devices in one process, each on its own connection, played at a chosen speed-up."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from .commands import Controls
from .device import Broker, Counts, Device, DeviceRefusedError, Habits
from .fix import Message
from .outbox import Outbox
from .payload import Payload

PROGRESS_EVERY_S = 0.5
CONNECTING_AT_ONCE = 25  # a broker that checks secrets in a database is not stormed


@dataclass(frozen=True, slots=True)
class Crew:
    """One device and everything it will say. `messages` by rising `due_us`; consumed once."""

    uid: str
    password: str | None
    messages: Iterable[Message]
    payload: Payload = Payload.NATIVE
    outbox: Outbox | None = None
    controls: Controls | None = None  # what commands to it change


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals of a run; `unacked` pings were still kept when patience ended."""

    devices: int
    pings: int  # different pings
    messages: int  # MQTT messages the broker took
    published: int  # pings in them, repeats included
    acked: int
    resent: int
    reconnects: int
    unacked: int
    refused: tuple[str, ...]  # devices the broker did not let in, with its words
    unreachable: int  # devices that never had a connection, refused ones apart
    seconds: float

    @property
    def complete(self) -> bool:
        return not self.unacked and not self.refused and not self.unreachable


Progress = Callable[[Summary], None]


async def run_fleet(
    broker: Broker,
    crews: Sequence[Crew],
    *,
    start_us: int,
    speed_up: float | None = None,
    habits: Habits | None = None,
    patience_s: float = 60.0,
    progress: Progress | None = None,
) -> Summary:
    """Publish everything and wait for the acks; returns when all are in or `patience_s` passed in vain.

    `speed_up` is simulated seconds per second, counted from `start_us`; None is as fast as the
    broker and the bounded outboxes allow. A refused device does not stop the others.
    """
    began = time.monotonic()
    devices = [_device(broker, crew, habits) for crew in crews]
    refused: dict[str, str] = {}
    door = asyncio.Semaphore(CONNECTING_AT_ONCE)

    def summary() -> Summary:
        return _total(devices, refused, time.monotonic() - began)

    async def play(crew: Crew, device: Device) -> None:
        try:
            async with AsyncExitStack() as stack:
                async with door:
                    await stack.enter_async_context(device)
                    if not await device.connected(patience_s=patience_s):
                        return
                with contextlib.suppress(TimeoutError):
                    await _send_all(device, crew.messages, start_us, began, speed_up, patience_s)
                    await device.drained(patience_s=patience_s)
        except DeviceRefusedError as error:
            refused[crew.uid] = str(error)

    async with asyncio.TaskGroup() as tasks:
        played = [tasks.create_task(play(c, d)) for c, d in zip(crews, devices, strict=True)]
        while not all(task.done() for task in played):
            await asyncio.wait(played, timeout=PROGRESS_EVERY_S)
            if progress is not None:
                progress(summary())
    return summary()


def _device(broker: Broker, crew: Crew, habits: Habits | None) -> Device:
    return Device(
        broker,
        crew.uid,
        crew.password,
        payload=crew.payload,
        outbox=crew.outbox,
        habits=habits,
        controls=crew.controls,
    )


async def _send_all(
    device: Device,
    messages: Iterable[Message],
    start_us: int,
    began: float,
    speed_up: float | None,
    patience_s: float,
) -> None:
    """Raises TimeoutError when the device finds no room for a message for `patience_s`."""
    for count, message in enumerate(messages):
        if speed_up is not None:
            due = began + (message.due_us - start_us) / 1e6 / speed_up
            wait_s = due - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
        elif count % 50 == 0:
            await asyncio.sleep(0)  # making fixes is work too: let the others' sockets breathe
        async with asyncio.timeout(patience_s):
            await device.send(message.fixes, backlog=message.backlog, sent_us=message.due_us)


def _total(devices: Sequence[Device], refused: dict[str, str], seconds: float) -> Summary:
    counts: list[Counts] = [device.counts for device in devices]
    return Summary(
        devices=len(devices),
        pings=sum(c.pings for c in counts),
        messages=sum(c.messages for c in counts),
        published=sum(c.published for c in counts),
        acked=sum(c.acked for c in counts),
        resent=sum(c.resent for c in counts),
        reconnects=sum(max(c.connects - 1, 0) for c in counts),
        unacked=sum(len(device.outbox) for device in devices),
        refused=tuple(sorted(refused.values())),
        unreachable=sum(not c.connects for c in counts) - len(refused),
        seconds=seconds,
    )
