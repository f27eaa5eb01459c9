"""Two phones, or one phone twice, at the same moment."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from platform_api.actor import Actor, Role
from platform_api.execution import crews, service, sync
from platform_api.execution.reckoning import Kind
from tests.integration.execution.test_sync import journey
from tests.integration.execution.world import ExecutionWorld
from tests.support.races import Act, race

ROUNDS = 100


def sending(driver: Actor, batch: list[dict[str, object]]) -> Act:
    def act(session: Session, now: datetime) -> None:
        sync.synchronise(session, driver, batch, now)

    return act


def test_the_same_batch_twice_at_once(world: ExecutionWorld) -> None:
    for _ in range(ROUNDS):
        order = world.assigned()
        driver = Actor(order.driver.id, Role.DRIVER)
        batch = journey(world, order)
        assert race(sending(driver, batch), sending(driver, batch[::-1])) == ["ok", "ok"]
        rows = world.sql("SELECT verdict, kind FROM driver_actions WHERE order_id = %s ORDER BY at", order.id)
        assert [row["verdict"] for row in rows] == ["applied"] * 4
        told = world.sql(
            "SELECT action FROM order_history WHERE order_id = %s AND actor_id = %s",
            order.id,
            order.driver.id,
        )
        assert sorted(row["action"] for row in told) == [
            "arrival_stated", "driver_note", "loading_confirmed", "proof_of_delivery", "waybill_issued",
        ]  # fmt: skip
        assert world.state(order)[0] == "DELIVERED"


def test_two_drivers_of_several_orders_never_wait_in_a_circle(world: ExecutionWorld) -> None:
    """Both name both orders, the other way round; each is refused the other's."""
    for _ in range(ROUNDS // 4):
        one, two = world.assigned(), world.assigned()
        batches = [world.action(order, "loading", 60) for order in (one, two)]
        outcomes = race(
            sending(Actor(one.driver.id, Role.DRIVER), batches),
            sending(Actor(two.driver.id, Role.DRIVER), batches[::-1]),
        )
        assert outcomes == ["ok", "ok"]
        assert [world.state(order)[0] for order in (one, two)] == ["PICKED_UP"] * 2


def test_loading_against_another_crew(world: ExecutionWorld) -> None:
    """Either the goods are on the first truck and the crew stays, or they are not and it goes."""
    _, driver, vehicle_id = world.fleet()
    seen = set()
    for _ in range(ROUNDS):
        order = world.assigned()
        world.sql("UPDATE vehicles SET carrier_id = %s WHERE id = %s", order.carrier.id, vehicle_id)
        world.sql("UPDATE users SET carrier_id = %s WHERE id = %s", order.carrier.id, driver.id)
        old, chief = Actor(order.driver.id, Role.DRIVER), Actor(order.carrier.id, Role.CARRIER)

        def load(session: Session, now: datetime, order_id: UUID = order.id, by: Actor = old) -> None:
            service.confirm_loading(session, by, order_id, now=now)

        def change(session: Session, now: datetime, order_id: UUID = order.id, by: Actor = chief) -> None:
            crews.change_crew(session, by, order_id, vehicle_id=vehicle_id, driver_id=driver.id, now=now)

        outcomes = race(load, change)
        (row,) = world.sql("SELECT status, driver_id FROM orders WHERE id = %s", order.id)
        seen.add(tuple(outcomes))
        if outcomes[0] == "ok":
            assert (outcomes[1], row["status"], row["driver_id"]) == ("crew_fixed", "PICKED_UP", old.user_id)
        else:
            assert outcomes == ["not_your_load", "ok"]
            assert (row["status"], row["driver_id"]) == ("ASSIGNED", driver.id)
        world.sql("UPDATE orders SET status = 'CANCELLED' WHERE id = %s", order.id)
    assert len(seen) <= 2


def test_accept_against_reject(world: ExecutionWorld) -> None:
    for _ in range(ROUNDS):
        order = world.just_assigned()
        driver = Actor(order.driver.id, Role.DRIVER)

        def accept(session: Session, now: datetime, order_id: UUID = order.id, by: Actor = driver) -> None:
            service.answer_load(session, by, order_id, Kind.ACCEPT, now=now)

        def reject(session: Session, now: datetime, order_id: UUID = order.id, by: Actor = driver) -> None:
            service.answer_load(session, by, order_id, Kind.REJECT, reason="En panne", now=now)

        outcomes = race(accept, reject)
        (row,) = world.sql("SELECT driver_id FROM orders WHERE id = %s", order.id)
        if row["driver_id"] is None:
            assert outcomes[1] == "ok"
        else:
            assert outcomes == ["ok", "load_accepted"]
