"""One run: a world, trucks on the road, a fault, and what is left of it all."""

import time
from dataclasses import dataclass

from tests.chaos.driving import Driving
from tests.chaos.faults import Fault, Scene
from tests.chaos.load import Load
from tests.chaos.verdict import Outcome, outcome
from tests.chaos.victims import find_faketime, why_no_disk
from tests.chaos.world import create


@dataclass(frozen=True)
class Trial:
    outcome: Outcome
    lost: int  # pings that should be stored and are not
    revised: int  # crossings and intervals that were told and then corrected
    seconds: float


def why_not(fault: Fault) -> str | None:
    """Why this fault cannot be made here; None when it can."""
    if fault.own_disk and (reason := why_no_disk()) is not None:
        return reason
    if fault.own_clock and find_faketime() is None:
        return "libfaketime is not installed (Debian: apt-get install faketime)"
    return None


def run(load: Load, fault: Fault, *, driving_s: float, down_s: float) -> Trial:
    """Raises AssertionError when something did not come back in time."""
    begin = time.monotonic()
    with create(load, own_disk=fault.own_disk, own_clock=fault.own_clock) as world:
        try:
            with Driving(load, world.mosquitto, driving_s) as driving:
                fault.happens(Scene(world, driving, down_s))
                driving.await_end()
            world.settle(driving.expected)
        except BaseException as error:
            error.add_note(world.last_words())
            raise
        for worker in world.workers:
            worker.process.stop()
        revised = world.number(
            "SELECT (SELECT count(*) FROM crossings WHERE change <> 'created')"
            " + (SELECT count(*) FROM interval_changes WHERE change IN ('revised', 'retracted'))"
        )
        found = outcome(world.connection)
        lost = len(load.expected() - found.stored)
        return Trial(found, lost, revised, time.monotonic() - begin)
