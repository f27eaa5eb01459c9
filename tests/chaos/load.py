"""What the trucks of a chaos run send: hours of driving, with what goes wrong on the road anyway. Pure, by seed."""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final

import msgspec

from simulator.faults import silenced
from simulator.fix import Fix, Message
from simulator.payload import Payload
from simulator.plans import plan_corridor
from simulator.receiver import PHONE, TRACKER, Receiver, drive
from simulator.route import Corridor, corridors
from simulator.trouble import Trouble, publish_schedule

US: Final = 1_000_000
# The server's own limits, by which the expectation is worked out without the server's code.
MAX_FUTURE_US: Final = 300 * US
EARLIEST_US: Final = 1_577_836_800 * US  # 2020-01-01
TROUBLE: Final = Trouble(
    gaps_per_h=1.5,
    gap_minutes=8,
    duplicates=0.03,
    repeats=0.03,
    disorder=0.05,
    missing=0.02,
    zero=0.01,
    clock=0.01,
)
FENCE_RADIUS_M: Final = 1500.0
ZONE_ERROR_US: Final = 3 * 3600 * US  # simulator.faults.CLOCK_JUMPS_S


@dataclasses.dataclass(frozen=True)
class Sender:
    """One device and all it says."""

    uid: str
    truck: int
    kind: str  # "tracker" or "phone"
    payload: Payload
    messages: tuple[Message, ...]

    @property
    def times_us(self) -> set[int]:
        """Of all its different fixes."""
        return {fix.time_us for message in self.messages for fix in message.fixes}


@dataclasses.dataclass(frozen=True)
class Load:
    """`trucks` trucks on the roads from `start_us` to `end_us`, and who speaks for them."""

    start_us: int
    end_us: int
    trucks: int
    senders: tuple[Sender, ...]

    def expected(self) -> set[tuple[str, int]]:
        """(uid, time) of every ping that must be stored: a position, at a plausible time."""
        return {key for key, fix in self._fixes() if _is_plausible(fix, self.end_us)}

    def refused(self) -> set[tuple[str, int]]:
        """Those of which the server must keep why it did not."""
        return {key for key, _ in self._fixes()} - self.expected()

    def _fixes(self) -> Iterator[tuple[tuple[str, int], Fix]]:
        for sender in self.senders:
            for message in sender.messages:
                for fix in message.fixes:
                    yield (sender.uid, fix.time_us), fix


def _is_plausible(fix: Fix, now_us: int) -> bool:
    # A wrong clock of this load is wrong by hours: the minutes that a run takes decide nothing.
    return (fix.lon, fix.lat) != (0.0, 0.0) and EARLIEST_US <= fix.time_us <= now_us + MAX_FUTURE_US


def make_load(trucks: int, hours: float, end_us: int) -> Load:
    """A tracker on every truck, a phone in every third cab, whose tracker falls silent now and then."""
    end_us -= end_us % US
    start_us = end_us - round(hours * 3600) * US
    roads = list(corridors().values())
    senders: list[Sender] = []
    for truck in range(trucks):
        corridor, with_phone = roads[truck % len(roads)], truck % 3 == 0
        payload = Payload.NATIVE if truck % 2 == 0 else Payload.MSGPACK
        fixes = _fixes(corridor, truck, start_us, end_us, TRACKER)
        if with_phone:
            fixes = silenced(fixes, seed=f"chaos-{truck}", every_s=1800, length_s=900)
        senders.append(_sender(f"tracker-{truck}", truck, "tracker", payload, fixes, end_us))
        if with_phone:
            fixes = _fixes(corridor, truck, start_us, end_us, PHONE)
            senders.append(_sender(f"phone-{truck}", truck, "phone", Payload.NATIVE, fixes, end_us))
    return Load(start_us, end_us, trucks, tuple(senders))


def _fixes(corridor: Corridor, truck: int, start_us: int, end_us: int, receiver: Receiver) -> Iterator[Fix]:
    plan = plan_corridor(corridor, seed=f"chaos-{truck}", reverse=truck % 2 == 1)
    fixes = drive(plan.route, seed=f"chaos-{truck}", start_us=start_us, stops=plan.stops, receiver=receiver)
    return takewhile(lambda fix: fix.time_us <= end_us, fixes)


def _sender(uid: str, truck: int, kind: str, payload: Payload, fixes: Iterator[Fix], end_us: int) -> Sender:
    messages = publish_schedule(fixes, TROUBLE, seed=uid, batch=1 if payload is Payload.NATIVE else 5)
    return Sender(uid, truck, kind, payload, tuple(_without_hours_ahead(m, end_us) for m in messages))


def _without_hours_ahead(message: Message, end_us: int) -> Message:
    """Clocks of this load are wrong by years, or by hours within the past.

    While the server's own clock is ahead, a device's that is ahead by less is right as far as anybody can tell.
    """
    fixes = [
        msgspec.structs.replace(fix, time_us=fix.time_us - ZONE_ERROR_US)
        if end_us < fix.time_us <= end_us + ZONE_ERROR_US
        else fix
        for fix in message.fixes
    ]
    return msgspec.structs.replace(message, fixes=tuple(fixes))


def fences() -> Sequence[tuple[float, float]]:
    """Middles (lon, lat) of the fences: the places on the roads."""
    return sorted({(w.lon, w.lat) for road in corridors().values() for w in road.waypoints})
