"""What happens in the demo: people at the API, a truck with tracker and phone at the broker, a shipper watching."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from config import clock
from config.settings import Settings
from simulator.device import Broker
from simulator.fix import Fix, Message
from simulator.fleet import Crew, Summary, run_fleet
from simulator.plans import Delivery, plan_delivery
from simulator.receiver import PHONE, TRACKER, Receiver, drive
from simulator.trouble import Trouble, publish_schedule

PICKUP = ("Port de Dakar, môle 4", 14.6797, -17.4281)
DROP = ("Entrepôt de Rufisque", 14.7157, -17.2736)
# Far enough that the fixes outside the fence span its `exit_dwell_s`; else the last exit is never confirmed.
LEAVE_M = 8_000.0
RADIUS_M = 250.0
PASSWORD = "a-password-for-the-demo"  # noqa: S105 - of people who exist for a minute on this machine
TRUCK, PHONE_UID = "tracker-dk-4821-a", "phone-moussa"
# A tracker with a hole in its coverage, some repeats, and a fix without satellites now and then.
TROUBLE = Trouble(gaps_per_h=1.0, gap_minutes=6.0, newest_first=True, duplicates=0.05, zero=0.01)
STEP_DEADLINE_S = 60.0
CODE_EXPIRED = 409
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What the demo saw from outside."""

    devices: Summary
    order: Json
    history: list[Json]
    crossings: list[Json]
    heard: dict[str, int]  # WebSocket messages by type
    simulated_s: float
    seconds: float


class Person:
    """One account at the API; `read_code` looks at the phone."""

    def __init__(
        self, api: httpx.Client, read_code: Callable[[str], str], phone: str, name: str, role: str
    ) -> None:
        self._api = api
        body = {"phone": phone, "name": name, "role": role, "password": PASSWORD}
        pending = _checked(api.post("/api/v1/auth/register/", json=body))
        typed = {"registration_id": pending["registration_id"], "code": read_code(phone)}
        answer = api.post("/api/v1/auth/otp/verify/", json=typed)
        if answer.status_code == CODE_EXPIRED:  # at this speed its ten minutes are seconds
            _checked(api.post("/api/v1/auth/otp/resend/", json=typed))
            answer = api.post("/api/v1/auth/otp/verify/", json=typed | {"code": read_code(phone)})
        signed_in = _checked(answer)
        self.id: str = signed_in["user"]["id"]
        self.token: str = signed_in["access"]

    def post(self, path: str, body: Json | None = None) -> Json:
        answer: Json = _checked(self._api.post(path, json=body or {}, headers=self._headers))
        return answer

    def get(self, path: str) -> Any:
        return _checked(self._api.get(path, headers=self._headers))

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class Watcher:
    """The shipper's WebSocket, read in a thread."""

    def __init__(self, url: str) -> None:
        self.messages: list[Json] = []
        self._socket = connect(url, proxy=None)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for frame in self._socket:
                self.messages.append(json.loads(frame))
        except ConnectionClosed:
            pass

    def close(self) -> None:
        self._socket.close()
        self._thread.join(10)

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for message in self.messages:
            found[message["type"]] = found.get(message["type"], 0) + 1
        return found


class Story:
    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say
        self._base = f"{settings.api_host}:{settings.api_port}"

    def _read_code(self, phone: str) -> str:
        """As `mess sms` does: nothing is texted in a demo, the outbox keeps it."""
        newest = "SELECT substring(text FROM '[0-9]{6}') FROM sms_messages WHERE phone = %s ORDER BY id DESC"
        with psycopg.connect(self._settings.database_url) as connection:
            found = connection.execute(newest, (phone,)).fetchone()
        assert found is not None, f"no code was texted to {phone}"
        return str(found[0])

    def play(self, speed: float) -> Told:
        """Raises AssertionError or TimeoutError, in plain words, when something does not come about."""
        began = time.monotonic()
        with httpx.Client(base_url=f"http://{self._base}", timeout=30, trust_env=False) as api:
            shipper = Person(api, self._read_code, "+221770000001", "Aïssatou Ndiaye", "shipper")
            carrier = Person(api, self._read_code, "+221770000002", "Transports Diop", "carrier")
            driver = Person(api, self._read_code, "+221770000003", "Moussa Fall", "driver")
            secrets, vehicle_id = self._fleet(carrier, driver)
            order_id = self._order(shipper, carrier, vehicle_id)
            watcher = Watcher(f"ws://{self._base}/ws/tracking/order/{order_id}/?token={shipper.token}")
            start_us = clock.shown_us(self._settings)
            road = Road(self._settings, secrets, start_us, speed, self._progress)
            road.start()
            self._handover(shipper, driver, order_id)
            devices = road.join()
            order = self._until(shipper, order_id, "departed_delivery_at", "the truck to leave the delivery")
            shipper.post(f"/api/v1/orders/{order_id}/confirm-delivery/")
            self._say("the shipper confirmed: COMPLETED")
            order = shipper.get(f"/api/v1/orders/{order_id}/")
            history = shipper.get(f"/api/v1/orders/{order_id}/history/")["items"]
            self._wait(
                lambda: any(m["type"] == "end" for m in watcher.messages), "the shipper's socket to end"
            )
            watcher.close()
        assert order["status"] == "COMPLETED", f"the order ended as {order['status']}"
        return Told(
            devices,
            order,
            history,
            [m for m in watcher.messages if m["type"] == "crossing"],
            watcher.counts(),
            (clock.shown_us(self._settings) - start_us) / 1e6,
            time.monotonic() - began,
        )

    def _fleet(self, carrier: Person, driver: Person) -> tuple[dict[str, str], int]:
        invited = carrier.post("/api/v1/fleet/drivers/", {"phone": "+221770000003"})
        driver.post(f"/api/v1/invitations/{invited['id']}/accept/")
        vehicle = carrier.post(
            "/api/v1/fleet/vehicles/",
            {"plate": "DK-4821-A", "name": "Renault Kerax", "capacity_kg": 25_000, "driver_id": driver.id},
        )
        secrets = {}
        # The phone is the driver's: its positions are taken while he is on the order, and refused after.
        for uid, of in ((TRUCK, {"kind": "tracker"}), (PHONE_UID, {"kind": "phone", "driver_id": driver.id})):
            made = carrier.post("/api/v1/fleet/devices/", {"uid": uid, "vehicle_id": vehicle["id"], **of})
            secrets[uid] = made["mqtt_password"]
        self._say("a shipper, a carrier, a driver, a truck with tracker and phone are registered")
        return secrets, vehicle["id"]

    def _order(self, shipper: Person, carrier: Person, vehicle_id: int) -> str:
        order = shipper.post(
            "/api/v1/orders/",
            {
                "goods": "400 sacs de riz",
                "weight_kg": 20_000,
                "pickup": _place(PICKUP),
                "delivery": _place(DROP),
            },
        )
        order_id: str = order["id"]
        shipper.post(f"/api/v1/orders/{order_id}/post/")
        bid = carrier.post(
            f"/api/v1/orders/{order_id}/bids/", {"vehicle_id": vehicle_id, "amount_xof": 185_000}
        )
        shipper.post(f"/api/v1/orders/{order_id}/accept-bid/", {"bid_id": bid["id"]})
        self._say("order posted, bid of 185 000 XOF placed and accepted: ASSIGNED")
        return order_id

    def _handover(self, shipper: Person, driver: Person, order_id: str) -> None:
        for moment, text in (
            ("arrived_pickup_at", "the truck is at the pickup: PICKUP_PENDING"),
            ("departed_pickup_at", "it left after a real stay: PICKED_UP, IN_TRANSIT"),
            ("arrived_delivery_at", "it is at the delivery"),
        ):
            order = self._until(shipper, order_id, moment, text)
            self._say(f"{text} (at {order[moment]} by the truck's clock)")
        driver.post(
            f"/api/v1/orders/{order_id}/proof-of-delivery/",
            {"receiver_name": "Ousmane Sarr", "position": {"lat": DROP[1], "lon": DROP[2], "accuracy_m": 12}},
        )
        self._say("the driver handed over and took the receiver's name: DELIVERED")

    def _until(self, shipper: Person, order_id: str, moment: str, what: str) -> Json:
        def seen() -> Json | None:
            order: Json = shipper.get(f"/api/v1/orders/{order_id}/")
            return order if order[moment] else None

        order: Json = self._wait(seen, what)
        return order

    def _wait(self, condition: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + STEP_DEADLINE_S
        while time.monotonic() < deadline:
            answer = condition()
            if answer:
                return answer
            time.sleep(0.1)
        raise TimeoutError(f"waited {STEP_DEADLINE_S:.0f} s in vain for: {what}")

    def _progress(self, summary: Summary) -> None:
        self._say(f"{summary.published} pings published, {summary.acked} acknowledged as stored")


class Road:
    """The truck on its way, in a thread with an event loop of its own."""

    def __init__(
        self,
        settings: Settings,
        secrets: dict[str, str],
        start_us: int,
        speed: float,
        progress: Callable[[Summary], None],
    ) -> None:
        self._broker = Broker(settings.mqtt_host, settings.mqtt_port, settings.mqtt_protocol)
        self._secrets, self._start_us, self._speed = secrets, start_us, speed
        self._tell = progress
        self._told_at = 0.0
        self._summary: Summary | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> Summary:
        self._thread.join(300)
        assert self._summary is not None, "the devices did not finish"
        assert self._summary.complete, f"not everything was acknowledged: {self._summary}"
        return self._summary

    def _run(self) -> None:
        crews = [
            Crew(TRUCK, self._secrets[TRUCK], self._messages(TRUCK, TRACKER, TROUBLE)),
            Crew(PHONE_UID, self._secrets[PHONE_UID], self._messages(PHONE_UID, PHONE, Trouble())),
        ]
        self._summary = asyncio.run(
            run_fleet(
                self._broker, crews, start_us=self._start_us, speed_up=self._speed, progress=self._progress
            )
        )

    def _messages(self, uid: str, receiver: Receiver, trouble: Trouble) -> Iterator[Message]:
        plan = plan_delivery(
            Delivery(
                (PICKUP[2], PICKUP[1]),
                (DROP[2], DROP[1]),
                pickup_wait_s=1500,
                drop_wait_s=1500,
                leave_m=LEAVE_M,
            )
        )
        fixes: Iterator[Fix] = drive(
            plan.route, seed="demo", start_us=self._start_us, stops=plan.stops, receiver=receiver
        )
        return publish_schedule(fixes, trouble, seed=uid)

    def _progress(self, summary: Summary) -> None:
        if time.monotonic() - self._told_at >= 3:
            self._told_at = time.monotonic()
            self._tell(summary)


def _place(place: tuple[str, float, float]) -> Json:
    name, lat, lon = place
    return {"name": name, "lat": lat, "lon": lon, "radius_m": RADIUS_M}


def _checked(answer: httpx.Response) -> Any:
    assert answer.is_success, (
        f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
    )
    return answer.json() if answer.content else {}
