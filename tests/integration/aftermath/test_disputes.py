"""A dispute from its opening to the verdict, and who wins when two act at once."""

from datetime import datetime
from typing import Any

import pytest
from httpx import Response
from sqlalchemy.orm import Session

from platform_api.actor import Role
from platform_api.disputes import service
from platform_api.disputes.rules import Outcome, Reason
from platform_api.orders import service as orders
from tests.integration.aftermath.world import After
from tests.integration.orders.world import Assigned, actor_of
from tests.support.api import Person, code_of, person
from tests.support.races import race

ROUNDS = 100


@pytest.fixture
def root(world: After) -> Person:
    return person(world.client, Role.ADMINISTRATOR)


def dispute(order: Assigned, by: Person | None = None, **more: Any) -> Response:
    body = {"reason": "damaged", "description": "12 sacs mouillés", **more}
    return (by or order.shipper).post(f"{order.path}dispute/", body)


def test_the_whole_way_with_evidence_verdict_and_refund(world: After, root: Person) -> None:
    order = world.delivered()
    photo = world.photo(order.shipper)
    opened = dispute(order, claimed_xof=150_000, file_ids=[photo])
    assert opened.status_code == 201, opened.text
    assert (world.status(order), opened.json()["opened_side"]) == ("DISPUTED", "customer")
    assert len(world.alerts(order.carrier, "dispute_opened")) == 1
    assert world.alerts(order.shipper, "dispute_opened") == []

    answer = {"text": "Secs au chargement", "file_ids": [world.photo(order.carrier)]}
    assert order.carrier.post(f"{order.path}dispute/messages/", answer).status_code == 201
    said = order.shipper.get(f"{order.path}dispute/messages/").json()["items"]
    assert [(each["side"], each["text"]) for each in said] == [
        ("customer", "12 sacs mouillés"),
        ("carrier", "Secs au chargement"),
    ]
    for reader in (order.shipper, order.carrier, root):
        shown = reader.get(f"{order.path}dispute/files/{photo}/")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")

    claimed = root.post(f"{order.path}dispute/claim/").json()
    assert claimed["state"] == "in_review"
    verdict = {"outcome": "partly_upheld", "verdict": "Au prorata", "refund_xof": 15_001}
    headers = root.headers | {"If-Match": f'"{claimed["version"]}"'}
    path = f"{order.path}dispute/resolve/"
    resolved = world.client.post(path, json=verdict, headers=headers)
    assert (resolved.status_code, resolved.json()["outcome"]) == (200, "partly_upheld"), resolved.text
    assert world.status(order) == "RESOLVED"
    (fee,) = order.carrier.get(f"{order.path}fees/").json()
    assert (fee["kind"], fee["amount_xof"]) == ("refund", 15_001)
    assert (fee["debtor_id"], fee["creditor_id"]) == (str(order.carrier.id), str(order.shipper.id))
    history = [row["action"] for row in world.history(order)]
    assert history[-2:] == ["disputed", "dispute_closed"]
    for side in (order.shipper, order.carrier):
        assert len(world.alerts(side, "dispute_resolved")) == 1


def test_an_annulled_order_is_cancelled(world: After, root: Person) -> None:
    order = world.delivered()
    dispute(order)
    body = {"outcome": "annulled", "verdict": "Jamais livré"}
    assert root.post(f"{order.path}dispute/resolve/", body).status_code == 200
    assert world.status(order) == "CANCELLED"


def test_the_side_that_opened_it_withdraws_it(world: After) -> None:
    order = world.delivered()
    dispute(order, order.carrier, reason="waiting")
    path = f"{order.path}dispute/withdraw/"
    assert code_of(order.shipper.post(path)) == (403, "not_your_dispute")
    for _ in range(2):
        assert order.carrier.post(path).json()["state"] == "withdrawn"
    assert world.status(order) == "RESOLVED"
    assert code_of(order.carrier.post(f"{order.path}dispute/messages/", {"text": "x"})) == (
        409,
        "dispute_closed",
    )


@pytest.mark.parametrize("state", ["assigned", "completed"])
def test_only_what_was_delivered_and_not_completed(world: After, state: str) -> None:
    order = world.assigned() if state == "assigned" else world.completed()
    assert code_of(dispute(order)) == (409, "order_not_disputable")


def test_who_may_do_what(world: After, root: Person) -> None:
    order = world.delivered()
    stranger = person(world.client, Role.SHIPPER)
    assert code_of(dispute(order, stranger)) == (404, "order_not_found")
    assert code_of(dispute(order, order.driver)) == (403, "not_your_order")
    assert code_of(dispute(order, root)) == (403, "not_your_order")
    dispute(order)
    for reader in (stranger, order.driver):
        assert code_of(reader.get(f"{order.path}dispute/")) == (404, "dispute_not_found")
        assert reader.get("/api/v1/disputes/").json()["items"] == []
    verdict = {"outcome": "rejected", "verdict": "non"}
    assert code_of(order.shipper.post(f"{order.path}dispute/resolve/", verdict)) == (403, "role_not_allowed")
    assert [row["order_id"] for row in order.carrier.get("/api/v1/disputes/").json()["items"]] == [
        str(order.id)
    ]


def test_a_file_of_somebody_else_is_no_evidence(world: After) -> None:
    order = world.delivered()
    foreign = world.photo(order.carrier)
    assert code_of(dispute(order, file_ids=[foreign])) == (404, "file_not_found")
    assert world.status(order) == "DELIVERED", "nothing is half done"


def test_a_rejected_dispute_gives_nothing_back(world: After, root: Person) -> None:
    order = world.delivered()
    dispute(order)
    path = f"{order.path}dispute/resolve/"
    body = {"outcome": "rejected", "verdict": "non", "refund_xof": 5}
    assert code_of(root.post(path, body)) == (422, "refund_without_reason")
    body = {"outcome": "upheld", "verdict": "oui", "customer_refund_xof": 5}
    assert code_of(root.post(path, body)) == (422, "no_broker")


def test_nobody_gives_back_more_than_there_was_to_lose(world: After, root: Person) -> None:
    order = world.delivered()
    dispute(order, claimed_xof=5_000_000)
    (row,) = world.sql("SELECT agreed_xof, value_xof FROM orders WHERE id = %s", order.id)
    limit = row["agreed_xof"] + (row["value_xof"] or 0)
    path = f"{order.path}dispute/resolve/"
    body = {"outcome": "upheld", "verdict": "oui", "refund_xof": limit + 1}
    refused = root.post(path, body)
    assert code_of(refused) == (422, "refund_too_large")
    assert str(limit) in refused.json()["detail"]
    assert world.status(order) == "DISPUTED"
    assert root.post(path, {**body, "refund_xof": limit}).status_code == 200


def test_two_administrators(world: After, root: Person) -> None:
    order = world.delivered()
    dispute(order)
    other = person(world.client, Role.ADMINISTRATOR)
    root.post(f"{order.path}dispute/claim/")
    body = {"outcome": "rejected", "verdict": "non"}
    assert code_of(other.post(f"{order.path}dispute/resolve/", body)) == (409, "dispute_claimed")
    other.post(f"{order.path}dispute/claim/")
    assert other.post(f"{order.path}dispute/resolve/", body).status_code == 200
    assert code_of(root.post(f"{order.path}dispute/resolve/", body)) == (409, "dispute_closed")


def opening(order: Assigned, by: Person) -> Any:
    def act(session: Session, now: datetime) -> object:
        return service.open_dispute(
            session,
            actor_of(by),
            order.id,
            reason=Reason.DAMAGED,
            description="x",
            claimed_xof=None,
            file_ids=[],
            now=now,
        )

    return act


def reset(world: After, order: Assigned) -> None:
    """As it was after the delivery: making an order anew costs more than the race."""
    world.sql("DELETE FROM disputes WHERE order_id = %s", order.id)
    world.sql("DELETE FROM order_fees WHERE order_id = %s", order.id)
    world.sql(
        "UPDATE orders SET status = 'DELIVERED', completed_at = NULL, cancelled_at = NULL WHERE id = %s",
        order.id,
    )


def test_disputed_and_confirmed_at_once(world: After) -> None:
    order = world.delivered()

    def confirm(session: Session, now: datetime) -> object:
        return orders.confirm_delivery(session, actor_of(order.shipper), order.id, now)

    for _ in range(ROUNDS):
        outcomes = race(opening(order, order.carrier), confirm)
        assert sorted(outcomes) in (["ok", "order_not_delivered"], ["ok", "order_not_disputable"])
        assert world.status(order) == ("DISPUTED" if outcomes[0] == "ok" else "COMPLETED")
        reset(world, order)


def test_disputed_and_completed_by_silence_at_once(world: After) -> None:
    order = world.delivered()

    def complete(session: Session, now: datetime) -> object:
        return orders.complete_silent(session, now)

    for _ in range(ROUNDS):
        long_ago = "UPDATE orders SET delivered_at = now() - interval '60 days' WHERE id = %s"
        world.sql(long_ago, order.id)
        world.sql(
            "UPDATE order_history SET recorded_at = now() - interval '60 days' WHERE order_id = %s", order.id
        )
        outcomes = race(opening(order, order.carrier), complete)
        assert outcomes[1] == "ok"
        assert outcomes[0] in ("ok", "order_not_disputable")
        assert world.status(order) == ("DISPUTED" if outcomes[0] == "ok" else "COMPLETED")
        reset(world, order)


def test_both_sides_dispute_at_once(world: After) -> None:
    order = world.delivered()
    for _ in range(ROUNDS):
        outcomes = race(opening(order, order.carrier), opening(order, order.shipper))
        assert sorted(outcomes) == ["ok", "order_not_disputable"]
        reset(world, order)


def test_two_verdicts_at_once(world: After, root: Person) -> None:
    order = world.delivered()

    def resolving(outcome: Outcome) -> Any:
        def act(session: Session, now: datetime) -> object:
            return service.resolve(
                session,
                actor_of(root),
                order.id,
                outcome=outcome,
                verdict="x",
                refund_xof=7 if outcome is Outcome.UPHELD else None,
                customer_refund_xof=None,
                expected=None,
                now=now,
            )

        return act

    for _ in range(ROUNDS):
        assert race(opening(order, order.shipper)) == ["ok"]
        outcomes = race(resolving(Outcome.UPHELD), resolving(Outcome.REJECTED))
        assert sorted(outcomes) == ["dispute_closed", "ok"]
        fees = world.sql("SELECT 1 FROM order_fees WHERE order_id = %s", order.id)
        assert len(fees) == (1 if outcomes[0] == "ok" else 0)
        reset(world, order)
