"""Waiting, its price, its proof and its claim over HTTP, from visits as ingest writes them."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from platform_api.actor import Role
from platform_api.detention import service, tasks
from platform_api.detention.evidence import sha256_of
from platform_api.detention.rules import ClaimStatus
from platform_api.errors import Conflict
from platform_api.orders import service as orders
from tests.integration.orders.world import ORDER, Assigned, Stay, World, actor_of
from tests.support.api import Person, code_of, person
from tests.support.races import race

ROUNDS = 100
TERMS = {"free_minutes": 60, "rate_xof": 7000, "cap_hours": 3}
# Two hours and a half at the pickup, ten minutes at the delivery.
JOURNEY = (Stay("pickup", 10, 160), Stay("delivery", 400, 410))


def detention(order: Assigned, someone: Person | None = None) -> dict[str, Any]:
    response = (someone or order.shipper).get(f"{order.path}detention/")
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def at_pickup(order: Assigned) -> dict[str, Any]:
    place: dict[str, Any] = detention(order)["places"][0]
    return place


def recent(world: World, *, minutes_ago: float = 200) -> Assigned:
    """An order whose truck left the pickup not long ago."""
    order = world.assigned()
    start = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    world.sql("UPDATE orders SET assigned_at = %s WHERE id = %s", start, order.id)
    return replace(order, assigned_at=start)


def claim(order: Assigned, place: str = "pickup", **headers: str) -> Any:
    return order.carrier.client.post(
        f"{order.path}detention/claims/",
        json={"place": place, "note": "Quai occupé"},
        headers=order.carrier.headers | headers,
    )


def alerts(someone: Person, order: Assigned) -> list[dict[str, Any]]:
    answer = someone.get("/api/v1/alerts/", params={"order_id": str(order.id)}).json()
    return [item for item in answer["items"] if item["kind"].startswith("detention")]


def test_the_terms_of_the_award_are_those_of_the_order(world: World) -> None:
    default = world.shipper.get("/api/v1/detention/terms/").json()
    assert default == {"free_minutes": 120, "rate_xof": 5000, "cap_hours": 5, "claim_hours": 24}
    before = world.assigned()
    assert world.shipper.put("/api/v1/detention/terms/", TERMS).json() == TERMS | {"claim_hours": 24}
    after = world.assigned()
    path = world.posted()
    own = world.shipper.put(f"{path}detention/terms/", TERMS | {"rate_xof": 9000})
    assert own.json()["rate_xof"] == 9000
    # A carrier that thinks of bidding sees what waiting is paid.
    shown = world.carrier.get(f"{path}detention/").json()
    assert (shown["terms"]["rate_xof"], shown["places"]) == (9000, [])
    bid_id = world.bid(path, world.carrier, world.vehicle_id)
    assert code_of(world.shipper.put(f"{path}detention/terms/", TERMS)) == (409, "terms_fixed")
    world.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id})
    world.shipper.put("/api/v1/detention/terms/", TERMS | {"rate_xof": 1})
    assert detention(before)["terms"]["rate_xof"] == 5000
    assert detention(after)["terms"]["rate_xof"] == 7000
    assert world.shipper.get(f"{path}detention/").json()["terms"]["rate_xof"] == 9000


def test_who_may_set_terms(world: World) -> None:
    for someone in (world.carrier, world.driver, person(world.client, Role.ADMINISTRATOR)):
        assert code_of(someone.put("/api/v1/detention/terms/", TERMS)) == (403, "role_not_allowed")
    path = world.posted()
    assert code_of(world.carrier.put(f"{path}detention/terms/", TERMS)) == (403, "not_your_order")
    stranger = person(world.client, Role.SHIPPER)
    assert code_of(stranger.put(f"{path}detention/terms/", TERMS)) == (404, "order_not_found")
    bad = world.shipper.put("/api/v1/detention/terms/", TERMS | {"rate_xof": -1})
    assert code_of(bad) == (422, "invalid_body")


def test_the_clock_of_each_place(world: World) -> None:
    order = world.assigned()
    assert [place["waited_s"] for place in detention(order)["places"]] == [0, 0]
    world.drive(order, *JOURNEY)
    pickup, delivery = detention(order)["places"]
    assert (pickup["place"], pickup["waited_s"], pickup["running"]) == ("pickup", 150 * 60, False)
    # Half an hour beyond the two hours that are free.
    assert (pickup["billed_hours"], pickup["amount_xof"]) == (1, 5000)
    assert len(pickup["visit_ids"]) == 1
    assert (delivery["place"], delivery["waited_s"], delivery["amount_xof"]) == ("delivery", 600, 0)
    assert detention(order, order.carrier) == detention(order, order.driver) == detention(order)
    losing = person(world.client, Role.CARRIER)
    assert code_of(losing.get(f"{order.path}detention/")) == (404, "order_not_found")


def test_the_appointment_begins_the_clock_of_who_comes_early(world: World) -> None:
    order = world.assigned()
    world.sql(
        "UPDATE orders SET pickup_opens_at = %s, pickup_closes_at = %s WHERE id = %s",
        order.at(60), order.at(90), order.id,
    )  # fmt: skip
    world.drive(order, Stay("pickup", 10, 260))
    place = at_pickup(order)
    assert datetime.fromisoformat(place["clock_from"]) == order.at(60)
    assert (place["waited_s"], place["billed_hours"]) == (200 * 60, 2)


def test_revised_visits_change_what_is_not_claimed(world: World) -> None:
    order = world.assigned()
    world.drive(order, *JOURNEY)
    world.drive(order, Stay("pickup", 10, 350), Stay("delivery", 400, 410))
    assert (at_pickup(order)["waited_s"], at_pickup(order)["billed_hours"]) == (340 * 60, 4)
    world.drive(order)
    assert at_pickup(order)["waited_s"] == 0


def test_a_claim_keeps_its_proof_and_shows_the_revision(world: World) -> None:
    order = recent(world)
    (device,) = world.sql(
        "INSERT INTO devices (uid, kind, carrier_id) VALUES (%s, 'tracker', %s) RETURNING id",
        f"tracker-{order.vehicle_id}", order.carrier.id,
    )  # fmt: skip
    world.sql(
        "INSERT INTO device_assignments (device_id, vehicle_id) VALUES (%s, %s)",
        device["id"],
        order.vehicle_id,
    )
    made = [(minutes, 14.6797 + minutes / 1e6, -17.4281) for minutes in (5, 10, 20, 90, 160, 170)]
    for minutes, lat, lon in made:
        world.sql(
            "INSERT INTO pings (device_id, time, received_at, lat, lon) VALUES (%s, %s, now(), %s, %s)",
            device["id"], order.at(minutes), lat, lon,
        )  # fmt: skip
    world.drive(order, Stay("pickup", 10, 160))
    response = claim(order)
    assert response.status_code == 201, response.text
    body = response.json()
    assert (body["status"], body["billed_hours"], body["amount_xof"]) == ("claimed", 1, 5000)
    pings = body["evidence"]["pings"]
    assert (pings["count"], pings["max_gap_s"]) == (4, 70 * 60)
    assert datetime.fromisoformat(pings["first"]["time"]) == order.at(10)
    assert datetime.fromisoformat(pings["last"]["time"]) == order.at(160)
    lines = "".join(
        f"{device['id']},{order.at(minutes).isoformat()},{lat!r},{lon!r}\n" for minutes, lat, lon in made[1:5]
    )
    assert pings["sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    (visit,) = body["evidence"]["visits"]
    assert visit["id"] == at_pickup(order)["visit_ids"][0]
    assert visit["enter_ping"] is not None
    canonical = json.dumps(body["evidence"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert body["evidence_sha256"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert sha256_of(body["evidence"]) == body["evidence_sha256"]
    assert at_pickup(order)["revised"] is False
    # Late positions: it left an hour earlier.
    world.drive(order, Stay("pickup", 10, 100))
    place = at_pickup(order)
    assert (place["revised"], place["waited_s"], place["amount_xof"]) == (True, 90 * 60, 0)
    assert place["claim"]["amount_xof"] == 5000
    assert place["claim"]["evidence"] == body["evidence"]


def test_a_claim_is_made_once_in_time_by_the_carrier(world: World) -> None:
    late, running, order = world.assigned(), recent(world), recent(world)
    world.drive(late, Stay("pickup", 10, 160))
    world.sql("UPDATE crossings SET recorded_at = recorded_at - interval '2 days'")
    assert code_of(claim(late)) == (409, "detention_too_late")
    world.drive(running, Stay("pickup", 10))
    assert code_of(claim(running)) == (409, "detention_running")
    world.drive(order, Stay("pickup", 10, 160))
    for someone in (order.shipper, order.driver):
        refused = someone.post(f"{order.path}detention/claims/", {"place": "pickup"})
        assert code_of(refused) == (403, "not_your_load")
    assert code_of(claim(order, "delivery")) == (409, "detention_running")
    assert code_of(claim(order, "stop/3")) == (404, "detention_place_not_found")
    assert code_of(claim(order, "moon")) == (422, "invalid_body")
    first = claim(order, **{"Idempotency-Key": "wait-1"})
    again = claim(order, **{"Idempotency-Key": "wait-1"})
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert code_of(claim(order)) == (409, "detention_claimed")


def test_a_departure_that_was_told_late_can_be_claimed_late(world: World) -> None:
    order = world.assigned()
    world.drive(order, Stay("pickup", 10, 160))
    assert claim(order).status_code == 201, "three days ago, but told just now"


def test_claim_contest_settle(world: World) -> None:
    order = recent(world)
    world.drive(order, Stay("pickup", 10, 160))
    made = claim(order).json()
    path = f"/api/v1/detention/claims/{made['id']}/"
    admin = person(world.client, Role.ADMINISTRATOR)
    assert alerts(order.shipper, order)[0]["kind"] == "detention_claimed"
    decision = {"amount_xof": 2500, "note": "Le quai était occupé une heure."}
    assert code_of(admin.post(f"{path}settle/", decision)) == (409, "claim_not_contested")
    assert code_of(order.carrier.post(f"{path}accept/")) == (403, "not_your_order")
    assert code_of(order.shipper.post(f"{path}contest/", {"note": " "})) == (422, "invalid_body")
    read = order.shipper.get(path)
    assert (read.json()["version"], read.headers["ETag"]) == (1, '"1"')
    stale = world.client.post(
        f"{path}contest/", json={"note": "Non."}, headers=order.shipper.headers | {"If-Match": '"7"'}
    )
    assert code_of(stale) == (412, "version_mismatch")
    contested = order.shipper.post(f"{path}contest/", {"note": "Le quai était libre."}).json()
    assert (contested["status"], contested["version"]) == ("contested", 2)
    assert order.shipper.post(f"{path}contest/", {"note": "Le quai était libre."}).json() == contested
    assert alerts(order.carrier, order)[0]["kind"] == "detention_contested"
    assert code_of(admin.post(f"{path}settle/", decision | {"amount_xof": 5001})) == (
        422,
        "settlement_too_high",
    )
    assert code_of(order.shipper.post(f"{path}settle/", decision)) == (403, "role_not_allowed")
    settled = admin.post(f"{path}settle/", decision).json()
    assert (settled["status"], settled["settled_xof"], settled["amount_xof"]) == ("settled", 2500, 5000)
    assert code_of(order.shipper.post(f"{path}accept/")) == (409, "claim_answered")
    for party in (order.carrier, order.shipper):
        told = alerts(party, order)[0]
        assert (told["kind"], told["facts"]["amount_xof"]) == ("detention_settled", 2500)


def test_claims_are_listed_for_those_they_concern(world: World) -> None:
    order = recent(world)
    world.drive(order, Stay("pickup", 10, 160))
    made = claim(order).json()
    admin = person(world.client, Role.ADMINISTRATOR)
    for someone in (order.carrier, order.shipper, admin):
        assert made["id"] in [c["id"] for c in someone.get("/api/v1/detention/claims/").json()["items"]]
    stranger = person(world.client, Role.SHIPPER)
    assert stranger.get("/api/v1/detention/claims/").json()["items"] == []
    for path in ("", "accept/"):
        refused = stranger.client.request(
            "POST" if path else "GET",
            f"/api/v1/detention/claims/{made['id']}/{path}",
            headers=stranger.headers,
        )
        assert code_of(refused) == (404, "detention_claim_not_found")
    assert order.shipper.get("/api/v1/detention/claims/", params={"status": "settled"}).json()["items"] == []


def test_people_are_told_when_the_free_time_is_over(world: World) -> None:
    order = recent(world, minutes_ago=300)
    world.drive(order, Stay("pickup", 200))
    tasks.remind()
    assert alerts(order.shipper, order) == [], "a hundred minutes of two hours"
    world.drive(order, Stay("pickup", 10))
    tasks.remind()
    tasks.remind()
    for party in (order.shipper, order.carrier):
        (told,) = alerts(party, order)
        assert (told["kind"], told["ended_at"], told["revision"]) == ("detention_running", None, 0)
        assert datetime.fromisoformat(told["at"]) == order.at(10)
    world.drive(order, Stay("pickup", 10, 290))
    tasks.remind()
    (told,) = alerts(order.shipper, order)
    assert datetime.fromisoformat(told["ended_at"]) == order.at(290)


def test_a_reminder_of_a_wait_that_was_none_is_withdrawn(world: World) -> None:
    order = recent(world, minutes_ago=300)
    world.drive(order, Stay("pickup", 10))
    tasks.remind()
    world.drive(order, Stay("pickup", 250))
    tasks.remind()
    (told,) = alerts(order.carrier, order)
    assert told["withdrawn_at"] is not None


def test_two_claims_at_once_one_wins(world: World) -> None:
    order = recent(world)
    world.drive(order, Stay("pickup", 10, 160))
    carrier = actor_of(order.carrier)

    def act(session: Session, now: datetime) -> None:
        locked, _ = orders.locked_order(session, carrier, order.id)
        service.claim(session, carrier, locked, "pickup", note="", now=now)

    for _ in range(ROUNDS):
        world.sql("DELETE FROM detention_claims WHERE order_id = %s", order.id)
        assert sorted(race(act, act)) == ["detention_claimed", "ok"]


def test_accepted_and_contested_at_once_one_wins(world: World) -> None:
    order = recent(world)
    world.drive(order, Stay("pickup", 10, 160))
    claim_id = claim(order).json()["id"]
    shipper = actor_of(order.shipper)

    def answer(wanted: ClaimStatus) -> Any:
        def act(session: Session, now: datetime) -> None:
            # Both have read version 1.
            if service.get_claim(session, shipper, claim_id, lock=True).version != 1:
                raise Conflict("version_mismatch", "Somebody was faster.")
            service.answer(session, shipper, claim_id, wanted, note="", expected=1, now=now)

        return act

    for _ in range(ROUNDS):
        world.sql(
            "UPDATE detention_claims SET status = 'claimed', version = 1, answered_at = NULL, answered_by = NULL"
            " WHERE id = %s",
            claim_id,
        )
        outcomes = race(answer(ClaimStatus.ACCEPTED), answer(ClaimStatus.CONTESTED))
        assert sorted(outcomes) == ["ok", "version_mismatch"]


def test_a_draft_has_nothing_to_show_but_its_terms(world: World) -> None:
    draft = world.shipper.post("/api/v1/orders/", ORDER).json()
    body = world.shipper.get(f"/api/v1/orders/{draft['id']}/detention/").json()
    assert [place["waited_s"] for place in body["places"]] == [0, 0]
