"""Who publishes what: trucks on corridors with their phones, and recordings as devices."""

import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, dropwhile, takewhile
from typing import Literal

from . import faults
from .commands import Controls, Pace
from .fix import Fix, Message
from .fleet import Crew
from .payload import Payload
from .plans import plan_corridor
from .receiver import PHONE, TRACKER, Receiver, observe
from .route import Corridor
from .trouble import Trouble, publish_schedule
from .truck import State, Stop, travel

SPREAD_S = 4 * 3600.0  # trucks are met anywhere in their first hours, not all at the port gate
TURNAROUND_S = (1800.0, 5400.0)

Order = Literal["recorded", "shuffled", "newest-first"]
Password = Callable[[str], str | None]


def journey(
    corridor: Corridor, *, seed: str, start_us: int, receiver: Receiver = TRACKER, pace: Pace | None = None
) -> Iterator[Fix]:
    """A truck going to and fro on a corridor for ever, as `receiver` sees it.

    The same seed and start give the same truck whatever the receiver, and whatever `pace` commands it.
    """
    rng = random.Random(f"{seed}/journey")
    returning = rng.random() < 0.5
    odometer_km = rng.uniform(20_000, 400_000)
    for leg in count():
        plan = plan_corridor(corridor, seed=f"{seed}/{leg}", reverse=returning)
        rest = Stop(plan.route.length_m, rng.uniform(*TURNAROUND_S), "turnaround")
        states = travel(plan.route, stops=(*plan.stops, rest), seed=f"{seed}/{leg}", start_us=start_us)
        # The truth, not what this receiver saw last, says when the next leg begins.
        end = _Last(start_us)
        own = f"{seed}/{leg}/{receiver.accuracy_m}/{receiver.first_delay_s}"
        yield from observe(
            end.watch(states), plan.route, receiver, seed=own, odometer_km=odometer_km, pace=pace
        )
        start_us = end.time_us + 1_000_000
        odometer_km += plan.route.length_m / 1000.0
        returning = not returning


def truck_crews(
    corridors: Sequence[Corridor],
    uids: Sequence[str],
    *,
    start_us: int,
    duration_s: float,
    password: Password,
    seed: str = "",
    trouble: Trouble | None = None,
    payload: Payload = Payload.NATIVE,
    phone_uid: Callable[[str], str] | None = None,
    phone_payload: Payload = Payload.NATIVE,
    batch: int = 1,
    first_seq: int = 1,
) -> list[Crew]:
    """One tracker for each uid, taking the corridors in turn; beside it a phone when `phone_uid` names it."""
    trouble = trouble or Trouble()
    # A phone has its own network: it goes on when the tracker has no coverage or no power.
    of_phone = dataclasses.replace(trouble, gaps_per_h=0.0, silence_per_h=0.0)
    crews = []
    for number, uid in enumerate(uids):
        corridor = corridors[number % len(corridors)]
        own = f"{seed}/{uid}"
        began_us = start_us - round(random.Random(own).uniform(0, SPREAD_S) * 1e6)
        devices = [(uid, TRACKER, trouble, payload)]
        if phone_uid is not None:
            devices.append((phone_uid(uid), PHONE, of_phone, phone_payload))
        for device_uid, receiver, mixture, kind in devices:
            controls = Controls()
            drive = journey(corridor, seed=own, start_us=began_us, receiver=receiver, pace=controls.pace)
            fixes = _between(drive, start_us, duration_s)
            schedule = publish_schedule(fixes, mixture, seed=device_uid, batch=batch, first_seq=first_seq)
            crews.append(Crew(device_uid, password(device_uid), schedule, kind, controls=controls))
    return crews


def replay_schedule(
    fixes: Sequence[Fix],
    *,
    batch: int = 1,
    order: Order = "recorded",
    duplicate: bool = False,
    seed: str = "",
    first_seq: int = 1,
) -> Iterator[Message]:
    """A recorded track as messages; numbers follow the recorded order whatever the sending order.

    `duplicate` sends every message twice, and every ping but the last also in the next message.
    """
    numbered = list(faults.numbered(fixes, first_seq))
    messages: Iterator[Message]
    if order == "shuffled":
        messages = faults.shuffled(numbered, seed=seed, batch=batch)
    elif order == "newest-first":
        messages = faults.newest_first(numbered, batch=batch)
    else:
        messages = faults.scheduled(numbered, batch=batch)
    if duplicate:
        messages = faults.duplicated(faults.repeated(messages, 1.0, seed=seed), 1.0, seed=seed)
    return messages


class _Last:
    """The time of the last state that went by."""

    def __init__(self, time_us: int) -> None:
        self.time_us = time_us

    def watch(self, states: Iterable[State]) -> Iterator[State]:
        for state in states:
            self.time_us = state.time_us
            yield state


def _between(fixes: Iterable[Fix], start_us: int, duration_s: float) -> Iterator[Fix]:
    end_us = start_us + round(duration_s * 1e6)
    return takewhile(lambda f: f.time_us < end_us, dropwhile(lambda f: f.time_us < start_us, fixes))
