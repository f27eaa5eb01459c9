"""The series of a carrier has no gap and no double, whoever issues at once and whatever is rolled back."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict
from platform_api.waybills import service
from tests.integration.execution.world import ExecutionWorld
from tests.support.races import Act, race

ROUNDS = 100


def issuing(carrier: Actor, order_id: UUID, *, fails: bool = False) -> Act:
    def act(session: Session, now: datetime) -> None:
        service.issue(session, carrier, order_id, now)
        if fails:
            raise Conflict("conflict", "rolled back after the number was taken")

    return act


def void_all(world: ExecutionWorld) -> None:
    """So that the same orders can be issued another one; void ones stay in the series."""
    world.sql(
        "UPDATE waybills SET voided_at = now(), voided_by = issued_by, void_reason = 'x' WHERE voided_at IS NULL"
    )


def test_two_at_once_and_one_of_three_rolled_back(world: ExecutionWorld) -> None:
    carrier = world.carrier
    chief = Actor(carrier.id, Role.CARRIER)
    issued = 0
    orders = [world.assigned() for _ in range(2)]
    for order in orders:
        world.sql("UPDATE orders SET carrier_id = %s WHERE id = %s", carrier.id, order.id)
    for round_ in range(ROUNDS):
        fails = round_ % 3 == 0
        outcomes = race(issuing(chief, orders[0].id, fails=fails), issuing(chief, orders[1].id))
        assert outcomes == ["conflict" if fails else "ok", "ok"]
        issued += 1 if fails else 2
        void_all(world)
    rows = world.sql("SELECT number FROM waybills WHERE carrier_id = %s ORDER BY number", carrier.id)
    assert [row["number"] for row in rows] == list(range(1, issued + 1))


def test_the_same_order_twice_at_once(world: ExecutionWorld) -> None:
    order = world.assigned()
    chief = Actor(order.carrier.id, Role.CARRIER)
    for round_ in range(ROUNDS):
        outcomes = race(issuing(chief, order.id), issuing(chief, order.id))
        assert sorted(outcomes) == ["ok", "waybill_exists"]
        rows = world.sql("SELECT number FROM waybills WHERE order_id = %s ORDER BY number", order.id)
        assert [row["number"] for row in rows] == list(range(1, round_ + 2))
        void_all(world)
