"""Freight brokers: whose yes it takes, who runs the order, and that nobody reads the other one's price."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session
from websockets.sync.client import connect

from config import clock
from config.database import transaction
from platform_api.actor import Role
from platform_api.brokerage import rules, service
from platform_api.brokerage import tasks as brokerage_tasks
from platform_api.detention import service as detention
from platform_api.exports import tasks as export_tasks
from platform_api.orders import repository as orders_repository
from platform_api.orders import tasks as order_tasks
from platform_api.watch import service as watch
from tests.integration.bids.market_world import made
from tests.integration.orders.world import ORDER, Assigned, Stay, World, actor_of
from tests.support.api import Person, code_of, new_phone, person
from tests.support.figures import figures
from tests.support.queries import count_queries
from tests.support.races import Act, race

pytestmark = pytest.mark.integration

ROUNDS = 100
DAY = timedelta(days=1)
# Numbers that stand nowhere else.
SOLD, ASKED, COUNTERED, LOST_BID, OFFERED, TARGET = 987_653, 612_347, 598_761, 777_241, 634_159, 555_523
# Of waiting: what the broker offers carriers, and two started hours of it; what the customer offers in orders of his own.
RATE, CLAIMED, CUSTOMERS_RATE = 43_217, 86_434, 38_917


@dataclass(frozen=True, slots=True)
class Sale:
    """An order of a broker that its customer has agreed to take."""

    path: str
    order_id: str
    broker: Person
    customer: Person


def draft(someone: Person, **changes: Any) -> str:
    answer = someone.post("/api/v1/orders/", {**ORDER, **changes})
    assert answer.status_code == 201, answer.text
    return f"/api/v1/orders/{answer.json()['id']}/"


def propose(someone: Person, path: str, **body: Any) -> str:
    answer = someone.post(f"{path}brokerage/", {"customer_xof": SOLD, **body})
    assert answer.status_code == 201, answer.text
    return f"/api/v1/brokerages/{answer.json()['id']}/"


@pytest.fixture
def sale(world: World) -> Sale:
    broker, customer = person(world.client, Role.BROKER), person(world.client, Role.SHIPPER)
    path = draft(broker, target_xof=TARGET, target_shown=True)
    proposal = propose(broker, path, customer_phone=customer.phone)
    assert customer.post(f"{proposal}agree/").json()["status"] == "AGREED"
    return Sale(path, path.split("/")[-2], broker, customer)


def test_a_customer_consents_before_an_order_is_his(world: World) -> None:
    broker, customer = person(world.client, Role.BROKER), person(world.client, Role.SHIPPER)
    path = draft(broker)
    proposal = propose(broker, path, customer_phone=customer.phone.removeprefix("+221"), message="Bonjour")
    assert code_of(
        broker.post(f"{path}brokerage/", {"customer_xof": 5, "customer_phone": customer.phone})
    ) == (
        409,
        "brokerage_exists",
    )
    assert code_of(customer.get(path)) == (404, "order_not_found")
    # what he is asked about does not change under him
    assert code_of(broker.patch(path, {"goods": "Ciment"})) == (409, "order_offered")
    (asked,) = customer.get("/api/v1/brokerages/?status=PROPOSED").json()["items"]
    assert (asked["customer_xof"], asked["message"], asked["goods"]) == (SOLD, "Bonjour", ORDER["goods"])
    # it is nobody else's, not even the broker's own to agree to
    for stranger in (broker, world.shipper, world.carrier):
        assert code_of(stranger.post(f"{proposal}agree/")) == (404, "brokerage_not_found")
    assert customer.post(f"{proposal}agree/").json()["status"] == "AGREED"
    assert customer.post(f"{proposal}agree/").json()["status"] == "AGREED"
    order = customer.get(path).json()
    assert (order["shipper_id"], order["broker_id"]) == (str(customer.id), str(broker.id))
    assert world.sql("SELECT customer_phone FROM brokerages WHERE order_id = %s", path.split("/")[-2]) == [
        {"customer_phone": None}
    ]
    assert code_of(
        broker.post(f"{path}brokerage/", {"customer_xof": 5, "customer_phone": customer.phone})
    ) == (
        409,
        "customer_known",
    )


def test_a_phone_tells_nothing_of_who_is_registered(world: World) -> None:
    broker = person(world.client, Role.BROKER)
    answers = [
        broker.post(f"{draft(broker)}brokerage/", {"customer_xof": SOLD, "customer_phone": phone})
        for phone in (new_phone(), person(world.client, Role.SHIPPER).phone)
    ]
    differ = {"id", "order_id", "reference", "created_at", "expires_at"}
    shown = [{k: v for k, v in a.json().items() if k not in differ} for a in answers]
    assert [a.status_code for a in answers] == [201, 201]
    assert shown[0] == shown[1]


def test_declined_or_withdrawn_the_order_stays_the_brokers(world: World) -> None:
    broker, customer = person(world.client, Role.BROKER), person(world.client, Role.SHIPPER)
    path = draft(broker)
    proposal = propose(broker, path, customer_phone=customer.phone)
    assert code_of(customer.post(f"{proposal}withdraw/")) == (404, "brokerage_not_found")
    assert customer.post(f"{proposal}decline/").json()["status"] == "DECLINED"
    proposal = propose(broker, path, customer_phone=customer.phone)
    assert broker.post(f"{proposal}withdraw/").json()["status"] == "WITHDRAWN"
    assert code_of(customer.post(f"{proposal}agree/")) == (404, "brokerage_not_found")
    assert broker.get(path).json()["shipper_id"] == str(broker.id)


def test_without_an_answer_the_phone_is_forgotten(world: World) -> None:
    broker, customer = person(world.client, Role.BROKER), person(world.client, Role.SHIPPER)
    path, young = draft(broker), draft(broker)
    proposal = propose(broker, path, customer_phone=customer.phone)
    propose(broker, young, customer_phone=customer.phone)
    age(world, path, rules.PROPOSAL_LIFE)
    # in time means in time, whether or not anybody has swept
    assert code_of(customer.post(f"{proposal}agree/")) == (409, "brokerage_not_open")
    brokerage_tasks.expire()
    assert brokerage_tasks.expire() == 0
    assert code_of(customer.post(f"{proposal}agree/")) == (404, "brokerage_not_found")
    rows = [
        world.sql("SELECT status, customer_phone FROM brokerages WHERE order_id = %s", each.split("/")[-2])[0]
        for each in (path, young)
    ]
    assert [(row["status"], row["customer_phone"]) for row in rows] == [
        ("EXPIRED", None), ("PROPOSED", customer.phone),
    ]  # fmt: skip
    assert [a["kind"] for a in broker.get("/api/v1/alerts/").json()["items"]] == ["brokerage_unanswered"]
    # and he may be asked again
    again = propose(broker, path, customer_phone=customer.phone)
    assert customer.post(f"{again}agree/").json()["status"] == "AGREED"


def age(world: World, path: str, by: timedelta) -> None:
    order_id = path.split("/")[-2]
    world.sql("UPDATE brokerages SET created_at = created_at - %s WHERE order_id = %s", by, order_id)


def test_a_shipper_gives_his_order_to_a_broker(world: World) -> None:
    broker = person(world.client, Role.BROKER)
    path = world.posted()
    bid_id = world.bid(path, world.carrier, world.vehicle_id, LOST_BID)
    assert code_of(world.shipper.post(f"{path}brokerage/", {"customer_xof": 5, "broker_id": str(world.carrier.id)})) == (404, "broker_not_found")  # fmt: skip
    proposal = propose(world.shipper, path, broker_id=str(broker.id))
    assert code_of(broker.get(path)) == (404, "order_not_found")
    assert broker.get("/api/v1/brokerages/").json()["items"][0]["customer_xof"] == SOLD
    assert code_of(world.shipper.post(f"{proposal}agree/")) == (404, "brokerage_not_found")
    assert broker.post(f"{proposal}agree/").json()["status"] == "AGREED"
    # the market is the broker's from now on
    assert code_of(world.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id})) == (403, "order_brokered")
    assert code_of(broker.post(f"{path}accept-bid/", {"bid_id": bid_id})) == (409, "bid_not_open")
    for what in ("bids/", "offers/", "bids/standing/", f"bids/{bid_id}/"):
        assert code_of(world.shipper.get(path + what)) == (403, "order_brokered")
    again = world.bid(path, world.carrier, world.vehicle_id, ASKED)
    order = broker.post(f"{path}accept-bid/", {"bid_id": again}).json()
    assert (order["agreed_xof"], order["customer_xof"], order["margin_xof"]) == (ASKED, SOLD, SOLD - ASKED)
    assert code_of(world.shipper.post(f"{path}brokerage/", {"customer_xof": 5, "broker_id": str(broker.id)})) == (409, "already_brokered")  # fmt: skip


@pytest.mark.parametrize("end", ["cancel", "accept", "expire", "discard"])
def test_a_proposal_is_lost_with_its_order(world: World, end: str) -> None:
    broker = person(world.client, Role.BROKER)
    path = draft(world.shipper) if end == "discard" else world.posted()
    order_id = path.split("/")[-2]
    proposal = propose(world.shipper, path, broker_id=str(broker.id))
    if end == "cancel":
        assert code_of(world.shipper.post(f"{path}cancel/", {"reason_code": "price"})) == (200, "")
    elif end == "accept":
        bid_id = world.bid(path, world.carrier, world.vehicle_id)
        assert code_of(world.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id})) == (200, "")
    elif end == "expire":
        world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", order_id)
        assert order_tasks.expire() >= 1
        assert world.shipper.get(path).json()["status"] == "CANCELLED"
    else:
        assert code_of(world.shipper.delete(path)) == (204, "")
    (asked,) = broker.get("/api/v1/brokerages/").json()["items"]
    assert asked["status"] == "LOST"
    assert code_of(broker.post(f"{proposal}agree/")) == (409, "brokerage_not_open")


def test_a_customers_template_has_not_what_his_broker_thinks_of_paying(world: World, sale: Sale) -> None:
    made = sale.customer.post("/api/v1/order-templates/", {"name": "Encore", "order_id": sale.order_id})
    assert made.status_code == 201, made.text
    assert str(TARGET) not in made.text
    (kept,) = world.sql("SELECT body::text FROM order_templates WHERE party_id = %s", sale.customer.id)
    assert str(TARGET) not in kept["body"]
    own = sale.broker.post("/api/v1/order-templates/", {"name": "Encore", "order_id": sale.order_id})
    assert own.json()["order"]["target_xof"] == TARGET


def test_whoever_cancels_the_others_are_told_by_their_own_price(world: World, sale: Sale) -> None:
    assert code_of(sale.broker.post(f"{sale.path}post/")) == (200, "")
    bid_id = world.bid(sale.path, world.carrier, world.vehicle_id, ASKED)
    sale.broker.post(f"{sale.path}accept-bid/", {"bid_id": bid_id})
    assert code_of(sale.customer.post(f"{sale.path}cancel/", {"reason_code": "price"})) == (200, "")
    told = {
        name: [
            each["facts"]["fee_xof"]
            for each in who.get("/api/v1/alerts/?kind=order_cancelled").json()["items"]
        ]
        for name, who in (("broker", sale.broker), ("customer", sale.customer), ("carrier", world.carrier))
    }
    assert told == {"broker": [round(SOLD / 10)], "customer": [], "carrier": [round(ASKED / 10)]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"customer_phone": "12"}, (422, "invalid_phone")),
        ({}, (422, "invalid_body")),
        ({"customer_phone": "771234567", "customer_xof": 0}, (422, "invalid_body")),
        ({"customer_phone": "771234567", "broker_id": "00000000-0000-0000-0000-000000000000"}, (422, "invalid_body")),
        ({"broker_id": "00000000-0000-0000-0000-000000000000"}, (422, "customer_missing")),
    ],
)  # fmt: skip
def test_bad_proposals(world: World, body: dict[str, Any], expected: tuple[int, str]) -> None:
    broker = person(world.client, Role.BROKER)
    assert code_of(broker.post(f"{draft(broker)}brokerage/", {"customer_xof": 5, **body})) == expected


def test_who_lists_proposals_and_at_what_cost(world: World) -> None:
    broker = person(world.client, Role.BROKER)
    for other in (world.carrier, world.driver):
        assert code_of(other.get("/api/v1/brokerages/")) == (403, "role_not_allowed")
    counts = []
    for _ in range(2):
        for _ in range(2):
            propose(broker, draft(broker), customer_phone=new_phone())
        with count_queries() as statements:
            broker.get("/api/v1/brokerages/")
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert person(world.client, Role.BROKER).get("/api/v1/brokerages/").json()["items"] == []


def numbers(value: Any) -> Iterator[str]:
    """Everything that stands in a JSON value, names aside."""
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item)
    else:
        yield str(value)


def walk(someone: Person, sale: Sale, more: list[str]) -> list[Any]:
    """What every GET about the order, its people and its lists answers."""
    paths = [
        sale.path,
        "/api/v1/orders/",
        "/api/v1/offers/",
        "/api/v1/brokerages/",
        "/api/v1/alerts/",
        "/api/v1/detention/claims/",
        *(sale.path + what for what in ("history/", "bids/", "bids/standing/", "offers/", "suggestions/", "detention/")),
        f"/api/v1/tracking/orders/{sale.order_id}/route/",
        *more,
    ]  # fmt: skip
    answers = [someone.get(path) for path in paths]
    answers += [someone.get(path, params={"limit": 1}) for path in paths[:2]]
    return [answer.json() for answer in answers] + exported(someone)


def exported(someone: Person) -> list[Any]:
    """The rows of the files of all that he may have in bulk."""
    now = clock.now()
    period = {"from_time": (now - DAY).isoformat(), "until_time": (now + DAY).isoformat()}
    rows: list[Any] = []
    for kind in ("orders", "alerts"):
        asked = someone.post("/api/v1/exports/", {"kind": kind, "format": "ndjson", **period})
        if asked.status_code == 403:
            continue
        assert asked.status_code == 201, asked.text
        export_tasks.write(asked.json()["id"])
        file = someone.get(f"/api/v1/exports/{asked.json()['id']}/file/")
        assert file.status_code == 200, file.text
        rows += [json.loads(line) for line in file.text.splitlines()]
    return rows


def waited(world: World, sale: Sale, carrier: Person) -> str:
    """The truck waited at the pickup for over three hours, two of them paid; the path of the carrier's claim."""
    start = clock.now() - timedelta(minutes=230)
    (row,) = world.sql(
        "UPDATE orders SET assigned_at = %s WHERE id = %s"
        " RETURNING pickup_geofence_id AS pickup, delivery_geofence_id AS delivery",
        start, sale.order_id,
    )  # fmt: skip
    order = Assigned(UUID(sale.order_id), world.vehicle_id, start, row, sale.customer, carrier, world.driver)
    world.drive(order, Stay("pickup", 10, 210))
    answer = carrier.post(f"{sale.path}detention/claims/", {"place": "pickup"})
    assert (answer.status_code, answer.json()["amount_xof"]) == (201, CLAIMED), answer.text
    return f"/api/v1/detention/claims/{answer.json()['id']}/"


def dealt(world: World, sale: Sale, way: str) -> tuple[Person, list[str], int]:
    """The order is carried, agreed on in this way: carrier, paths of what was dealt, its price."""
    loser, _, loser_truck = world.fleet()
    terms = {"free_minutes": 120, "cap_hours": 5}
    for someone, rate in ((sale.broker, RATE), (sale.customer, CUSTOMERS_RATE)):
        put = someone.put("/api/v1/detention/terms/", terms | {"rate_xof": rate})
        assert put.status_code == 200
    assert sale.broker.post(f"{sale.path}post/").status_code == 200
    lost = world.bid(sale.path, loser, loser_truck, LOST_BID)
    won = world.bid(sale.path, world.carrier, world.vehicle_id, ASKED)
    paths = [f"{sale.path}bids/{bid}/{what}" for bid in (lost, won) for what in ("", "revisions/")]
    counter = f"{sale.path}bids/{won}/counter/"
    assert sale.broker.post(counter, {"amount_xof": COUNTERED}).status_code == 201
    body = {"carrier_id": str(world.carrier.id), "amount_xof": OFFERED}
    offer = sale.broker.post(f"{sale.path}offers/", body).json()["id"]
    acts = {
        "bid": (sale.broker, f"{sale.path}accept-bid/", {"bid_id": won}, ASKED),
        "counter": (world.carrier, f"{counter}accept/", {"amount_xof": COUNTERED}, COUNTERED),
        "offer": (
            world.carrier, f"{sale.path}offers/{offer}/accept/", {"vehicle_id": world.vehicle_id}, OFFERED,
        ),
    }  # fmt: skip
    who, path, body, price = acts[way]
    answer = who.post(path, body)
    assert answer.status_code == 200, answer.text
    return world.carrier, paths, price


@pytest.mark.parametrize("way", ["bid", "counter", "offer"])
def test_each_reads_his_own_price_and_the_broker_both(world: World, sale: Sale, way: str) -> None:
    carrier, paths, price = dealt(world, sale, way)
    assert world.driver.post(f"{sale.path}confirm-loading/").status_code == 200
    claim = waited(world, sale, carrier)
    paths.append(claim)

    customers = set(numbers(walk(sale.customer, sale, paths)))
    of_the_market = {ASKED, COUNTERED, LOST_BID, OFFERED, TARGET, SOLD - price, RATE, CLAIMED}
    assert not {str(amount) for amount in of_the_market} & customers
    assert str(SOLD) in customers
    order = sale.customer.get(sale.path).json()
    assert (order["agreed_xof"], order["customer_xof"], order["margin_xof"]) == (SOLD, SOLD, None)

    # nor does he read that there was anything to bid or to offer
    actions = [row["action"] for row in sale.customer.get(f"{sale.path}history/").json()["items"]]
    award = {"bid": "bid_accepted", "counter": "counter_accepted", "offer": "offer_accepted"}[way]
    assert actions[:4] == ["created", "brokerage_agreed", "posted", award]
    assert "loading_confirmed" in actions

    for someone in (carrier, world.driver):
        theirs = set(numbers(walk(someone, sale, paths)))
        assert not {str(SOLD), str(SOLD - price), str(LOST_BID)} & theirs
        assert str(price) in theirs
        assert str(RATE) in theirs
        assert str(CUSTOMERS_RATE) not in theirs
    loser = world.sql(
        "SELECT carrier_id FROM bids WHERE amount_xof = %s AND order_id = %s", LOST_BID, sale.order_id
    )
    assert loser[0]["carrier_id"] != carrier.id

    both = sale.broker.get(sale.path).json()
    assert (both["agreed_xof"], both["customer_xof"], both["margin_xof"]) == (price, SOLD, SOLD - price)
    assert {str(price), str(LOST_BID), str(CLAIMED)} <= set(numbers(walk(sale.broker, sale, paths)))


def test_waiting_is_between_carrier_and_broker(world: World, sale: Sale) -> None:
    assert code_of(
        sale.customer.put(f"{sale.path}detention/terms/", {"free_minutes": 1, "rate_xof": 1, "cap_hours": 1})
    ) == (403, "not_your_order")
    carrier, _, _ = dealt(world, sale, "bid")
    assert world.driver.post(f"{sale.path}confirm-loading/").status_code == 200
    claim = waited(world, sale, carrier)
    # the customer sees how long, and no more
    shown = sale.customer.get(f"{sale.path}detention/").json()
    pickup = shown["places"][0]
    assert (shown["terms"], pickup["waited_s"], pickup["visit_ids"] != []) == (None, 200 * 60, True)
    hidden = ("billed_hours", "amount_xof", "claim_until", "claim")
    assert [pickup[name] for name in hidden] == [None] * 4
    assert sale.customer.get("/api/v1/detention/claims/").json()["items"] == []
    for act in ("", "accept/", "contest/"):
        body = {"note": "non"} if act == "contest/" else None
        answer = sale.customer.post(claim + act, body) if act else sale.customer.get(claim)
        assert code_of(answer) == (404, "detention_claim_not_found")
    kinds = {a["kind"] for a in sale.customer.get("/api/v1/alerts/").json()["items"]}
    assert not [kind for kind in kinds if kind.startswith("detention")]
    assert "detention_claimed" in {a["kind"] for a in sale.broker.get("/api/v1/alerts/").json()["items"]}
    row = sale.broker.get(claim).json()
    assert (row["shipper_id"], row["carrier_id"]) == (str(sale.broker.id), str(carrier.id))
    assert sale.broker.post(f"{claim}accept/").json()["status"] == "accepted"


def test_free_time_that_is_over_is_told_to_carrier_and_broker(world: World, sale: Sale) -> None:
    carrier, _, _ = dealt(world, sale, "bid")
    start = clock.now() - timedelta(minutes=230)
    world.sql(
        "UPDATE orders SET assigned_at = %s, arrived_pickup_at = %s, status = 'PICKUP_PENDING' WHERE id = %s",
        start, start, sale.order_id,
    )  # fmt: skip
    with transaction() as session:
        order = orders_repository.lock_order(session, UUID(sale.order_id))
        assert order is not None
        fences = [order.pickup_geofence_id]
    row = {"pickup": fences[0], "delivery": fences[0]}
    world.tell(
        Assigned(UUID(sale.order_id), world.vehicle_id, start, row, sale.customer, carrier, world.driver),
        Stay("pickup", 0),
    )
    with transaction() as session:
        order = orders_repository.lock_order(session, UUID(sale.order_id))
        assert order is not None
        detention.remind(session, order, clock.now())
    told = {
        someone.id: "detention_running" in {a["kind"] for a in someone.get("/api/v1/alerts/").json()["items"]}
        for someone in (sale.customer, sale.broker, carrier)
    }
    assert told == {sale.customer.id: False, sale.broker.id: True, carrier.id: True}


def test_terms_of_a_shipper_do_not_bind_the_broker_he_gives_the_order_to(world: World) -> None:
    broker = person(world.client, Role.BROKER)
    path = draft(world.shipper)
    own = {"free_minutes": 5, "rate_xof": CUSTOMERS_RATE, "cap_hours": 1}
    assert world.shipper.put(f"{path}detention/terms/", own).status_code == 200
    assert broker.post(f"{propose(world.shipper, path, broker_id=str(broker.id))}agree/").status_code == 200
    assert broker.get(f"{path}detention/").json()["terms"]["rate_xof"] == 5000


def test_the_broker_is_told_of_the_way_and_knows_the_code(world: World, sale: Sale) -> None:
    carrier, _, _ = dealt(world, sale, "bid")
    with transaction() as session:
        order = orders_repository.lock_order(session, UUID(sale.order_id))
        assert order is not None
        expected = {sale.customer.id, sale.broker.id, carrier.id}
        assert set(watch.recipients(order)) == expected
        order.broker_id = order.shipper_id
        assert len(watch.recipients(order)) == 2
        session.rollback()
    # nobody's but theirs: there is none yet
    for someone in (sale.customer, sale.broker):
        assert code_of(someone.get(f"{sale.path}delivery-code/")) == (404, "delivery_code_none")
    assert code_of(carrier.get(f"{sale.path}delivery-code/")) == (403, "not_your_order")


def test_no_frame_of_the_live_socket_tells_a_price(world: World, sale: Sale) -> None:
    token = {
        one.id: one.headers["Authorization"].removeprefix("Bearer ") for one in (sale.customer, sale.broker)
    }
    base = str(world.client.base_url).replace("http", "ws")
    address = f"{base}/ws/tracking/order/{sale.order_id}/?token="
    with (
        connect(address + token[sale.customer.id]) as customer,
        connect(address + token[sale.broker.id]) as broker,
    ):
        first = customer.recv(timeout=30), broker.recv(timeout=30)
        _, _, price = dealt(world, sale, "counter")
        frames: dict[str, list[str]] = {"customer": [str(first[0])], "broker": [str(first[1])]}
        for name, socket in (("customer", customer), ("broker", broker)):
            while "counter_accepted" not in frames[name][-1]:
                frames[name].append(str(socket.recv(timeout=30)))
    told = figures("".join(frames["customer"]))
    assert not {str(amount) for amount in (price, SOLD, ASKED, LOST_BID, OFFERED)} & told
    actions = [json.loads(frame).get("action") for frame in frames["customer"]]
    assert [action for action in actions if action] == ["posted", "counter_accepted"]
    assert "bid_placed" in "".join(frames["broker"])


def test_the_customer_confirms_and_may_cancel(world: World, sale: Sale) -> None:
    for act in ("post/", "bids/", "offers/"):
        body = {"vehicle_id": 1, "amount_xof": 5} if act == "bids/" else None
        body = {"carrier_id": str(world.carrier.id), "amount_xof": 5} if act == "offers/" else body
        assert sale.customer.post(sale.path + act, body).status_code == 403
    assert sale.customer.post(f"{sale.path}cancel/", {"reason": "non"}).status_code in (200, 422)


def agree(market: tuple[Person, UUID]) -> Act:
    def act(session: Session, now: datetime) -> object:
        return service.agree(session, actor_of(market[0]), market[1], now=now)

    return act


def test_agreed_and_withdrawn_at_once(world: World) -> None:
    broker, customer = person(world.client, Role.BROKER), person(world.client, Role.SHIPPER)
    path = draft(broker)
    order_id = UUID(path.split("/")[-2])
    for _ in range(ROUNDS):
        world.sql("UPDATE orders SET shipper_id = %s WHERE id = %s", broker.id, order_id)
        world.sql("DELETE FROM brokerages WHERE order_id = %s", order_id)
        wanted = service.Proposal(SOLD, customer_phone=customer.phone)
        asked = made(lambda s, now, w=wanted: service.propose(s, actor_of(broker), order_id, w, now=now).id)  # type: ignore[misc]

        def withdraw(session: Session, now: datetime, asked: UUID = asked) -> object:
            return service.withdraw(session, actor_of(broker), asked, now=now)

        outcomes = race(agree((customer, asked)), withdraw)
        assert outcomes.count("ok") == 1
        assert set(outcomes) <= {"ok", "brokerage_not_open", "brokerage_not_found"}
        (order,) = world.sql("SELECT shipper_id FROM orders WHERE id = %s", order_id)
        assert order["shipper_id"] == (customer.id if outcomes[0] == "ok" else broker.id)
