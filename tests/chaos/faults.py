"""What happens to the servers while the trucks drive. A fault brings back whatever it took away."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.driving import Driving
from tests.chaos.victims import Victim
from tests.chaos.world import WITHIN_S, World
from tests.support.waiting import wait_until

CLOCK_STEP_S: Final = 7200
_NOT_STORED: Final = "batch not stored"


@dataclass(frozen=True)
class Scene:
    """A world with trucks on the road, and how long what is broken stays so."""

    world: World
    driving: Driving
    down_s: float

    def after(self, share: float) -> None:
        """Wait until so much of what will be stored is stored."""
        wanted = int(share * self.driving.expected)
        wait_until(lambda: self.world.stored() >= wanted, WITHIN_S, f"{wanted} pings stored")

    def stay_down(self) -> None:
        # The outage itself: nothing is waited for.
        time.sleep(self.down_s)


@dataclass(frozen=True)
class Fault:
    name: str
    happens: Callable[[Scene], None]
    own_disk: bool = False
    own_clock: bool = False


def _nothing(scene: Scene) -> None:
    pass


def _killed(chosen: Callable[[World], Victim]) -> Callable[[Scene], None]:
    def happens(scene: Scene) -> None:
        victim = chosen(scene.world)
        for share in (0.15, 0.5):
            scene.after(share)
            victim.kill()
            scene.stay_down()
            victim.start()

    return happens


def _frozen(chosen: Callable[[World], Victim]) -> Callable[[Scene], None]:
    def happens(scene: Scene) -> None:
        victim = chosen(scene.world)
        for share in (0.15, 0.5):
            scene.after(share)
            victim.freeze()
            try:
                scene.stay_down()
            finally:
                victim.thaw()

    return happens


def _all_workers_killed(scene: Scene) -> None:
    for share in (0.1, 0.3, 0.6):
        scene.after(share)
        for worker in scene.world.workers:
            worker.kill()
        scene.stay_down()
        for worker in scene.world.workers:
            worker.start()


def _everything_killed(scene: Scene) -> None:
    """As when the machine loses power, but for what the disks lose then."""
    world = scene.world
    for share in (0.2, 0.6):
        scene.after(share)
        for victim in (*world.workers, world.broker, world.database, world.redis):
            victim.kill()
        scene.stay_down()
        for victim in (world.redis, world.database, world.broker, *world.workers):
            victim.start()


def _disk_full(scene: Scene) -> None:
    """The database's disk, until the workers have felt it; then an operator makes room."""
    scene.after(0.2)
    world, before = scene.world, scene.world.worker_output().count(_NOT_STORED)
    try:
        deadline = time.monotonic() + WITHIN_S
        while world.worker_output().count(_NOT_STORED) == before:
            assert time.monotonic() < deadline, "the full disk was not felt"
            world.disk.fill()
            time.sleep(0.1)
        scene.stay_down()
    finally:
        world.disk.free()
    # A server that could not write its log ends itself; its supervisor starts it again.
    world.database.revive()


def _clock_steps(scene: Scene) -> None:
    """The machine's clock: two hours ahead, then two hours behind, then right again."""
    for share, seconds in ((0.2, CLOCK_STEP_S), (0.4, -CLOCK_STEP_S), (0.7, 0)):
        scene.after(share)
        scene.world.clock.step(seconds)


def _redelivered(scene: Scene) -> None:
    """A broker put back to a state of before: all it had to deliver, it delivers again."""
    world, driving = scene.world, scene.driving
    for worker in world.workers:
        worker.kill()  # their sessions stay, and gather all that is sent
    driving.await_published()
    kept = _broker_files(world)
    for worker in world.workers:
        worker.start()
    driving.await_end()
    received = world.number("SELECT sum(received) FROM ingest_totals")
    for worker in world.workers:
        worker.kill()
    world.mosquitto.stop()
    shutil.copytree(kept, world.home / "mosquitto", dirs_exist_ok=True)
    world.broker.start()
    for worker in world.workers:
        worker.start()
    again = received + driving.expected
    wait_until(
        lambda: world.number("SELECT sum(received) FROM ingest_totals") >= again, WITHIN_S, "all of it again"
    )


def _broker_files(world: World) -> Path:
    """A copy of what the broker keeps on its disk, made while it is stopped for a moment."""
    world.mosquitto.stop()
    copy = world.home / "mosquitto-before"
    shutil.copytree(world.home / "mosquitto", copy)
    world.broker.start()
    return copy


UNDISTURBED: Final = Fault("undisturbed", _nothing)
FAULTS: Final = (
    Fault("worker killed", _killed(lambda world: world.workers[0])),
    Fault("all workers killed", _all_workers_killed),
    Fault("worker frozen", _frozen(lambda world: world.workers[0])),
    Fault("broker killed", _killed(lambda world: world.broker)),
    Fault("broker frozen", _frozen(lambda world: world.broker)),
    Fault("database killed", _killed(lambda world: world.database)),
    Fault("database frozen", _frozen(lambda world: world.database)),
    Fault("everything killed", _everything_killed),
    Fault("database disk full", _disk_full, own_disk=True),
    Fault("Redis gone", _killed(lambda world: world.redis)),
    Fault("clock steps", _clock_steps, own_clock=True),
    Fault("broker redelivers all", _redelivered),
)
