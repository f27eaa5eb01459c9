"""A truck that leaves its corridor, from its pings through ingest's own pipeline to the alert, late ones included."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import psycopg
import pytest

from config.settings import get_settings
from ingest.times import to_us
from platform_api.routing.plan import Point
from platform_api.watch import tasks
from tests.integration.corridor.journey import Journey
from tests.integration.corridor.road import BEND, PORT, ROAD
from tests.integration.orders.world import World
from tests.support.ingest import add_device, make_pipeline, message, ping_body, reconcile_all

# On the road between the bend and the next town, and a dozen kilometres north of it.
HALFWAY: Point = (-16.715, 14.595)
ASTRAY: Point = (-16.7, 14.75)

Track = list[tuple[float, Point]]


def along(start: float, end: float, a: Point, b: Point) -> Track:
    """A ping a minute from one place to another, minutes after the assignment."""
    minutes = np.arange(start, end, 1.0)
    share = (minutes - start) / (end - start)
    return [
        (float(minute), (a[0] + s * (b[0] - a[0]), a[1] + s * (b[1] - a[1])))
        for minute, s in zip(minutes, share, strict=True)
    ]


class Truck:
    """What its tracker sends goes through the pipeline; what that tells, through the tasks."""

    def __init__(self, journey: Journey, connection: psycopg.Connection) -> None:
        self.journey, self.connection = journey, connection
        self.uid = f"tracker-{journey.order.vehicle_id}"
        add_device(connection, self.uid, journey.order.vehicle_id)
        # The order was moved into the past after its fences were made.
        connection.execute(
            "UPDATE geofences SET valid_from = %s WHERE id = ANY (%s)",
            (journey.order.assigned_at, list(journey.order.fences.values())),
        )

    def sends(self, track: Track) -> None:
        bodies = [
            ping_body(to_us(self.journey.order.at(minute)), lat, lon, acc=8) for minute, (lon, lat) in track
        ]
        pipeline = make_pipeline(self.connection, get_settings())
        for first in range(0, len(bodies), 400):
            pipeline.process([message(self.uid, *bodies[first : first + 400])])
        reconcile_all(self.connection, get_settings())
        self.connection.commit()
        self.told()

    def told(self) -> None:
        rows: Sequence[dict[str, Any]] = self.journey.world.sql(
            "SELECT id FROM crossings WHERE handled_at IS NULL AND vehicle_id = %s ORDER BY id",
            self.journey.order.vehicle_id,
        )
        self.journey.world.handle([row["id"] for row in rows])
        tasks.sweep()


@pytest.fixture
def truck(world: World) -> Iterator[Truck]:
    with psycopg.connect(world.database_url, autocommit=True) as connection:
        yield Truck(Journey.planned(world), connection)


def test_from_the_pings_to_the_alert_and_back(truck: Truck) -> None:
    journey = truck.journey
    loading = [(float(minute), PORT) for minute in range(5, 35)]
    to_the_bend = along(35, 90, PORT, ROAD[1])[1:] + along(90, 120, ROAD[1], BEND)
    truck.sends(loading + to_the_bend)
    assert journey.world.state(journey.order)[0] == "IN_TRANSIT"
    assert journey.events() == []
    # Away for an hour, but for some minutes back on the road, of which nothing is known yet.
    away = along(120, 140, BEND, ASTRAY)
    known = [(float(minute), ASTRAY) for minute in range(165, 170)]
    truck.sends(away + known)
    (kind, left, back), *others = journey.spans()
    assert (kind, back, others) == ("deviation", None, [])
    assert 120 < left < 130
    (alert,) = journey.alerts(journey.order.shipper, open="true")
    assert alert["facts"]["distance_m"] > 10_000
    # What the tracker had kept in a dead zone: it was back on the road in between.
    home = along(140, 150, ASTRAY, HALFWAY) + [(float(minute), HALFWAY) for minute in range(150, 155)]
    again = along(155, 165, HALFWAY, ASTRAY)
    truck.sends(home + again)
    second, first = journey.spans()
    assert first[1] == left
    assert first[2] is not None
    assert 140 < first[2] < 152
    assert 154 < second[1] < 160
    assert second[2] is None
    # And it reaches the delivery by the road.
    back_on_it = along(170, 185, ASTRAY, HALFWAY) + along(185, 205, HALFWAY, ROAD[3])
    truck.sends(back_on_it + along(205, 265, ROAD[3], ROAD[4]) + [(265.0 + n, ROAD[4]) for n in range(10)])
    second, first = journey.spans()
    assert second[2] is not None
    assert 180 < second[2] < 190
    assert all(
        alert["ended_at"] for alert in journey.alerts(journey.order.carrier, kind="corridor_deviation")
    )
