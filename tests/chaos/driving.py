"""The trucks on the road, in a thread beside the fault."""

import asyncio
import threading
from types import TracebackType
from typing import Final, Self

from cli.parts.mosquitto import Mosquitto
from simulator.device import Broker, Habits
from simulator.fleet import Crew, Summary, run_fleet
from tests.chaos.load import Load
from tests.support.waiting import wait_until

HABITS: Final = Habits(in_flight=10, ack_timeout_s=3.0)
# How long devices go on without a single ack before they are given up, and the run with them.
PATIENCE_S: Final = 90.0
WITHIN_S: Final = 300.0


class Driving:
    """As a context: the load is sent in `seconds`, by devices that keep each ping until it is acknowledged."""

    def __init__(self, load: Load, broker: Mosquitto, seconds: float) -> None:
        self.expected = len(load.expected())
        self.messages = sum(len(sender.messages) for sender in load.senders)
        self._load, self._seconds = load, seconds
        self._broker = Broker(broker.host, broker.port, keepalive_s=10, timeout_s=30.0)
        self._progress: Summary | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="trucks")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.await_end()
        # After a failure the devices run out of patience by themselves.
        self._thread.join(WITHIN_S)

    def await_published(self) -> None:
        """Until the broker has every message."""
        wait_until(
            lambda: self._progress is not None and self._progress.messages >= self.messages,
            WITHIN_S,
            "all messages published",
        )

    def await_end(self) -> Summary:
        """Until every ping is acknowledged; raises AssertionError when a device gave up."""
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive(), f"the trucks are not done: {self._progress}"
        if self._failure is not None:
            raise self._failure
        assert self._progress is not None
        assert self._progress.complete, f"devices still hold pings: {self._progress}"
        return self._progress

    def _run(self) -> None:
        try:
            self._progress = asyncio.run(self._drive())
        except BaseException as error:
            self._failure = error

    async def _drive(self) -> Summary:
        load = self._load

        def keep(summary: Summary) -> None:
            self._progress = summary

        return await run_fleet(
            self._broker,
            [Crew(sender.uid, None, sender.messages, sender.payload) for sender in load.senders],
            start_us=load.start_us,
            speed_up=(load.end_us - load.start_us) / 1e6 / self._seconds,
            habits=HABITS,
            patience_s=PATIENCE_S,
            progress=keep,
        )
