"""Two people at once: exactly one wins, the other is told why. Each race is run many times."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from platform_api.commands import service
from platform_api.commands.states import Kind
from tests.integration.commands.world import World, actor_of
from tests.support.api import Person
from tests.support.races import Act, race

ROUNDS = 20


def approve(who: Person, command_id: str) -> Act:
    return lambda session, now: service.approve_command(session, actor_of(who), UUID(command_id), now)


def cancel(who: Person, command_id: str) -> Act:
    return lambda session, now: service.cancel_command(session, actor_of(who), UUID(command_id), now)


def test_two_approvals_at_once(world: World) -> None:
    for _ in range(ROUNDS):
        command = world.engine_stop(world.truck(online=False), approved=False)
        outcomes = race(approve(world.administrator, command["id"]), approve(world.second, command["id"]))
        assert sorted(outcomes) == ["already_approved", "ok"]
        winner = (world.administrator, world.second)[outcomes.index("ok")]
        assert world.read(command)["approved_by"] == str(winner.id)
        assert world.steps(command) == ["created", "approved"]


def test_approved_and_cancelled_at_once(world: World) -> None:
    for _ in range(ROUNDS):
        command = world.engine_stop(world.truck(online=False), approved=False)
        outcomes = race(approve(world.administrator, command["id"]), cancel(world.carrier, command["id"]))
        state = world.read(command)["state"]
        # Cancelling what was just approved is allowed while it is queued; approving what was cancelled is not.
        assert state == "cancelled"
        assert outcomes in (["ok", "ok"], ["command_not_open", "ok"])
        expected = ["created", "approved", "cancelled"] if outcomes[0] == "ok" else ["created", "cancelled"]
        assert world.steps(command) == expected


def test_two_intervals_at_once_leave_one(world: World) -> None:
    for _ in range(ROUNDS):
        truck = world.truck(online=False)

        def send(seconds: int, uid: str = truck.uid) -> Act:
            return lambda session, now: service.send_command(
                session,
                actor_of(world.carrier),
                uid,
                Kind.REPORTING_INTERVAL,
                {"seconds": seconds},
                expires_in_s=None,
                key=None,
                now=now,
            )

        assert race(send(10), send(20)) == ["ok", "ok"]
        rows = world.sql(
            "SELECT state FROM device_commands WHERE device_id = %s ORDER BY state", truck.device_id
        )
        assert [row["state"] for row in rows] == ["queued", "superseded"]


def test_a_double_click_makes_one_command(world: World) -> None:
    for _ in range(ROUNDS):
        truck = world.truck(online=False)

        def send(session: Session, now: datetime, uid: str = truck.uid) -> object:
            return service.send_command(
                session,
                actor_of(world.carrier),
                uid,
                Kind.ENGINE_STOP,
                {},
                expires_in_s=None,
                key=f"key of {uid}",
                now=now,
            )

        assert race(send, send) == ["ok", "ok"]
        rows = world.sql("SELECT id FROM device_commands WHERE device_id = %s", truck.device_id)
        assert len(rows) == 1


def test_two_engine_stops_at_once(world: World) -> None:
    for _ in range(ROUNDS):
        truck = world.truck(online=False)

        def stop(who: Person, uid: str = truck.uid) -> Act:
            return lambda session, now: service.send_command(
                session, actor_of(who), uid, Kind.ENGINE_STOP, {}, expires_in_s=None, key=None, now=now
            )

        assert sorted(race(stop(world.carrier), stop(world.administrator))) == ["engine_stop_open", "ok"]
