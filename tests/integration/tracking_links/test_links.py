"""A link shows one order, the truck only while it carries it, and nothing once it is revoked."""

import hashlib
import logging
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import Client

from config import clock
from platform_api.actor import Role
from platform_api.tracking_links.endpoints import FOLLOWING
from tests.integration.tracking.world import (
    Truck,
    execute,
    new_order,
    new_truck,
    set_position,
    store_ping,
    update_order,
)
from tests.support.api import Person, code_of, person

pytestmark = pytest.mark.integration

HOME, ROAD, NEXT = (14.10, -16.10), (14.73, -17.20), (13.77, -13.67)


@dataclass(frozen=True, slots=True)
class Shared:
    """An order with its truck and a link to it."""

    client: Client
    shipper: Person
    truck: Truck
    id: UUID
    token: str
    link_id: str
    start: datetime

    def at(self, minutes: float) -> datetime:
        return self.start + timedelta(minutes=minutes)

    @property
    def path(self) -> str:
        return f"/api/v1/track/{self.token}/"

    def seen(self) -> dict[str, Any]:
        answer = self.client.get(self.path)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


def links_of(order_id: UUID) -> str:
    return f"/api/v1/orders/{order_id}/tracking-links/"


def share(client: Client, status: str = "ASSIGNED", **link: Any) -> Shared:
    """Assigned an hour ago."""
    shipper, truck, start = person(client, Role.SHIPPER), new_truck(client), clock.now() - timedelta(hours=1)
    order_id = new_order(shipper, truck, status=status, assigned_at=start)
    made = shipper.post(links_of(order_id), link)
    assert made.status_code == 201, made.text
    return Shared(client, shipper, truck, order_id, made.json()["token"], made.json()["id"], start)


def drive(shared: Shared, truck: Truck, place: tuple[float, float], minutes: float) -> None:
    store_ping(truck.device_id, shared.at(minutes), *place, accuracy_m=5)
    set_position(truck, *place, shared.at(minutes))


@pytest.fixture
def shared(client: Client) -> Shared:
    execute("DELETE FROM rate_limits")
    return share(client)


def load(shared: Shared) -> None:
    update_order(shared.id, status="IN_TRANSIT", arrived_pickup_at=shared.at(20), picked_up_at=shared.at(30))


def test_the_truck_is_shown_from_the_pickup_on(shared: Shared) -> None:
    drive(shared, shared.truck, HOME, 5)
    body = shared.seen()
    assert (body["stage"], body["position"], body["route"]) == ("assigned", None, [])
    load(shared)
    # its last position is older than the pickup
    assert shared.seen()["position"] is None
    drive(shared, shared.truck, ROAD, 40)
    body = shared.seen()
    assert body["stage"] == "in_transit"
    assert (body["position"]["lat"], body["position"]["lon"]) == ROAD
    assert body["route"] == [[ROAD[1], ROAD[0]]]


def test_the_next_load_of_the_truck_is_nobody_elses_business(shared: Shared) -> None:
    load(shared)
    drive(shared, shared.truck, ROAD, 40)
    update_order(shared.id, status="DELIVERED", arrived_delivery_at=shared.at(45), delivered_at=shared.at(50))
    body = shared.seen()
    assert (body["stage"], body["position"], body["route"], body["eta_at"]) == ("delivered", None, [], None)
    assert body["delivered_at"] is not None
    # the truck drives on, with another order and its own link
    other = person(shared.client, Role.SHIPPER)
    following = new_order(other, shared.truck, status="IN_TRANSIT", assigned_at=shared.at(52))
    update_order(following, arrived_pickup_at=shared.at(53), picked_up_at=shared.at(54))
    drive(shared, shared.truck, NEXT, 56)
    for status in ("DELIVERED", "COMPLETED", "DISPUTED", "RESOLVED"):
        update_order(shared.id, status=status)
        body = shared.seen()
        assert (body["stage"], body["position"], body["route"]) == ("delivered", None, [])
        assert str(NEXT[0]) not in shared.client.get(f"/track/{shared.token}").text
    token = other.post(links_of(following), {}).json()["token"]
    body = shared.client.get(f"/api/v1/track/{token}/").json()
    assert (body["position"]["lat"], body["position"]["lon"]) == NEXT
    # and nothing of the load before
    assert body["route"] == [[NEXT[1], NEXT[0]]]


def test_before_a_truck_is_assigned_and_after_it_is_called_off(client: Client) -> None:
    shipper, truck = person(client, Role.SHIPPER), new_truck(client)
    order_id = new_order(shipper, None, status="POSTED")
    token = shipper.post(links_of(order_id), {}).json()["token"]
    set_position(truck, *ROAD, clock.now())
    body = client.get(f"/api/v1/track/{token}/").json()
    assert (body["stage"], body["position"]) == ("planned", None)
    shared = share(client)
    load(shared)
    drive(shared, shared.truck, ROAD, 40)
    update_order(shared.id, status="CANCELLED", cancelled_at=shared.at(41))
    body = shared.seen()
    assert (body["stage"], body["position"], body["route"]) == ("cancelled", None, [])


def test_another_truck_is_shown_only_since_it_is_on_the_order(shared: Shared) -> None:
    load(shared)
    drive(shared, shared.truck, ROAD, 40)
    other = new_truck(shared.client, carrier=shared.truck.carrier)
    drive(shared, other, HOME, 42)
    execute(
        "INSERT INTO order_crews (order_id, vehicle_id, driver_id, since) VALUES (:order, :vehicle, :driver, :since)",
        order=shared.id, vehicle=other.vehicle_id, driver=other.driver.id, since=shared.at(45),
    )  # fmt: skip
    update_order(shared.id, vehicle_id=other.vehicle_id, driver_id=other.driver.id)
    body = shared.seen()
    assert (body["position"], body["route"]) == (None, [])
    drive(shared, other, NEXT, 50)
    body = shared.seen()
    assert (body["position"]["lat"], body["route"]) == (NEXT[0], [[NEXT[1], NEXT[0]]])


def test_plate_and_driver_only_if_the_shipper_says_so_and_while_they_drive(client: Client) -> None:
    quiet, open_link = share(client), share(client, shows_plate=True, shows_driver=True)
    for shared in (quiet, open_link):
        load(shared)
        drive(shared, shared.truck, ROAD, 40)
    assert {quiet.seen()[name] for name in ("plate", "driver_name", "driver_phone")} == {None}
    for text in (client.get(quiet.path).text, client.get(f"/track/{quiet.token}").text):
        assert quiet.truck.driver.phone not in text
        assert str(quiet.truck.driver.id) not in text
    body = open_link.seen()
    assert (body["driver_phone"], body["plate"][:3]) == (open_link.truck.driver.phone, "DK-")
    assert open_link.truck.driver.phone in client.get(f"/track/{open_link.token}").text
    update_order(open_link.id, status="DELIVERED", delivered_at=open_link.at(50))
    assert {open_link.seen()[name] for name in ("plate", "driver_name", "driver_phone")} == {None}


def test_revoked_expired_and_unknown_are_alike(shared: Shared) -> None:
    link = f"{links_of(shared.id)}{shared.link_id}/"
    assert [code_of(shared.shipper.delete(link)) for _ in range(2)] == [(204, ""), (204, "")]
    expired = share(shared.client)
    execute("UPDATE tracking_links SET expires_at = :now WHERE id = :id", now=clock.now(), id=expired.link_id)
    details = set()
    for token in (shared.token, expired.token, "x" * 32, "x" * 150):
        answer = shared.client.get(f"/api/v1/track/{token}/")
        assert code_of(answer) == (404, "tracking_link_not_found")
        assert answer.headers["Cache-Control"] == "no-store"
        details.add(answer.json()["detail"])
        page = shared.client.get(f"/track/{token}")
        assert (page.status_code, "n'existe pas" in page.text.replace("&#x27;", "'")) == (404, True)
    assert len(details) == 1


def test_only_the_shippers_side_shares(shared: Shared) -> None:
    links = links_of(shared.id)
    for someone in (shared.truck.carrier, shared.truck.driver):
        assert code_of(someone.post(links, {})) == (403, "not_your_order")
        assert code_of(someone.get(links)) == (403, "not_your_order")
        assert code_of(someone.delete(f"{links}{shared.link_id}/")) == (403, "not_your_order")
    stranger = share(shared.client)
    assert code_of(stranger.shipper.get(links)) == (404, "order_not_found")
    own = f"{links_of(stranger.id)}{shared.link_id}/"
    assert code_of(stranger.shipper.delete(own)) == (404, "tracking_link_not_found")
    (listed,) = shared.shipper.get(links).json()["items"]
    assert "token" not in listed
    assert listed["opened"] == 0
    shared.seen()
    assert shared.shipper.get(links).json()["items"][0]["opened"] == 1
    late = {"expires_at": (clock.now() + timedelta(days=91)).isoformat()}
    assert code_of(shared.shipper.post(links, late)) == (422, "link_expiry")
    update_order(shared.id, status="COMPLETED")
    assert code_of(shared.shipper.post(links, {})) == (409, "order_over")


def test_the_token_is_kept_nowhere(
    shared: Shared, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = execute("SELECT CAST(to_jsonb(l) AS text) FROM tracking_links l WHERE id = :id", id=shared.link_id)
    assert shared.token not in kept
    assert hashlib.sha256(shared.token.encode()).hexdigest() in kept
    assert len(shared.token) >= 32
    with caplog.at_level(logging.DEBUG):
        shared.seen()
        shared.client.get(f"/track/{shared.token}")
    out, err = capfd.readouterr()
    ours = [
        record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    ]
    assert shared.token not in "".join(ours) + out + err


def test_nothing_goes_into_referrers_caches_or_indexes(shared: Shared) -> None:
    for path in (shared.path, f"/track/{shared.token}"):
        headers = shared.client.get(path).headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "noindex" in headers["X-Robots-Tag"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert shared.client.get(shared.path, headers={"Authorization": "Bearer nonsense"}).status_code == 200


def test_who_asks_too_often_waits(shared: Shared, standing_clock: datetime) -> None:
    shared.seen()
    for path in ("/api/v1/track/guess/", shared.path, f"/track/{shared.token}"):
        # All of it is spent, and nothing comes back while this asks.
        execute(
            "UPDATE rate_limits SET full_at = :full_at WHERE key LIKE :name",
            full_at=standing_clock + FOLLOWING.per,
            name="tracking_link|%",
        )
        answer = shared.client.get(path)
        assert code_of(answer) == (429, "too_many_requests")
        assert int(answer.headers["Retry-After"]) >= 1
    execute("DELETE FROM rate_limits")


def test_the_page_speaks_french_or_english_and_escapes(shared: Shared) -> None:
    update_order(shared.id, delivery_name="<script>alert(1)</script>")
    load(shared)
    drive(shared, shared.truck, ROAD, 40)
    page = shared.client.get(f"/track/{shared.token}")
    assert "En route" in page.text
    assert "<script" not in page.text
    assert 'http-equiv="refresh"' in page.text
    assert "//" not in page.text.replace("<!doctype html>", "")  # nothing from elsewhere
    english = shared.client.get(f"/track/{shared.token}", headers={"Accept-Language": "en"})
    assert "On its way" in english.text
    assert len(page.content) < 20_000


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium on this machine")
def test_the_page_opens_in_a_browser(shared: Shared, tmp_path: Any) -> None:
    load(shared)
    drive(shared, shared.truck, ROAD, 40)
    address = str(shared.client.base_url.join(f"/track/{shared.token}"))
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
        "--window-size=360,640", "--enable-logging=stderr", "--accept-lang=fr", "--dump-dom", address,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "En route" in done.stdout
    assert "<circle" in done.stdout
    # its policy forbids nothing that the page uses
    assert "Content Security Policy" not in done.stderr
