"""What the law says of a vehicle and its load, and when it cannot be had."""

from itertools import count

from tests.integration.walk.entries import EVERYBODY, Call, Entry, at
from tests.integration.walk.of_fleet import NOT_CARRIERS, NOT_OWNERS, OWNERS
from tests.integration.walk.world import World

_days = count(1)
CALENDAR = "/api/v1/fleet/vehicles/{vehicle_id}/unavailability/"
LATER = {"starts_at": "2090-01-01T00:00:00Z", "ends_at": "2090-01-02T00:00:00Z", "reason": "maintenance"}


def limit(_w: World) -> Call:
    """Each of a day of its own: a limit is not said twice for one day."""
    return Call(
        body={
            "country": "GM",
            "what": "height",
            "amount": 4,
            "unit": "m",
            "source": "walk",
            "confirmed": False,
            "valid_from": f"2060-{1 + next(_days) % 12:02d}-{1 + next(_days) % 28:02d}",
        }
    )


def period(w: World, **more: object) -> Call:
    made = w.made(w.carrier, CALENDAR.format(vehicle_id=w.vehicle_id), LATER)
    return Call({"vehicle_id": w.vehicle_id, "period_id": made}, body=more or None)


def labelled(w: World) -> Call:
    """A tracker of the carrier with its code."""
    code = w.made(w.carrier, f"/api/v1/fleet/devices/{w.device()}/pairing-code/", name="code")
    return Call(body={"code": code, "vehicle_id": w.vehicle_id})


ENTRIES = [
    Entry(
        "GET /api/v1/fleet/drivers/{driver_id}/",
        lambda w: Call({"driver_id": w.driver.id}),
        ok="carrier driver administrator",
        forbidden="shipper broker",
    ),
    # Another carrier has neither that tracker nor that vehicle.
    Entry(
        "POST /api/v1/fleet/pair/",
        labelled,
        ok="carrier",
        forbidden=NOT_OWNERS,
        but={"other_carrier": "404"},
    ),
    Entry(
        "POST /api/v1/fleet/devices/{uid}/pairing-code/",
        lambda w: Call({"uid": w.device()}),
        ok=OWNERS,
        forbidden=NOT_CARRIERS,
    ),
    Entry("GET /api/v1/fleet/limits/", ok=EVERYBODY),
    Entry("POST /api/v1/fleet/limits/", limit, ok="administrator"),
    Entry(
        "GET /api/v1/fleet/vehicles/{vehicle_id}/warnings/",
        at("vehicle_id"),
        ok=OWNERS,
        forbidden=NOT_CARRIERS,
    ),
    Entry(
        f"POST {CALENDAR}",
        lambda w: Call({"vehicle_id": w.vehicle_id}, body=LATER),
        ok="carrier",
        forbidden=NOT_OWNERS,
    ),
    Entry(f"GET {CALENDAR}", at("vehicle_id"), ok=OWNERS, forbidden=NOT_CARRIERS),
    Entry(
        f"PATCH {CALENDAR}{{period_id}}/",
        lambda w: period(w, note="Garage"),
        ok="carrier",
        forbidden=NOT_OWNERS,
    ),
    Entry(f"DELETE {CALENDAR}{{period_id}}/", period, ok="carrier", forbidden=NOT_OWNERS),
]
