"""The nearest free trucks by cells and growing circles are exactly those of a look at every truck."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from config.database import transaction
from platform_api.actor import Actor, Role
from platform_api.tracking import rules, service
from tests.support.settings import apply_settings, forget_settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MANY = 3_000
DAKAR = (14.7, -17.4)
NOBODY = UUID(int=1)


@pytest.fixture(scope="module")
def trucks(database_url: str, redis_url: str) -> Iterator[list[tuple[int, float, float]]]:
    """(vehicle, lat, lon): most in a town, some everywhere, some at the edges of the world."""
    rng = random.Random(4)
    places = [(rng.gauss(DAKAR[0], 0.1), rng.gauss(DAKAR[1], 0.1)) for _ in range(MANY)]
    places += [(rng.uniform(10, 20), rng.uniform(-20, -10)) for _ in range(MANY // 3)]
    places += [(lat, lon) for lat in (-90.0, -0.05, 0.0, 89.99, 90.0) for lon in (-180.0, -0.05, 0.0, 179.99, 180.0)]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        apply_settings(patch, database_url=database_url, redis_url=redis_url)
        with psycopg.connect(database_url, autocommit=True) as connection:
            made = add(connection, places)
        yield made
    forget_settings()


def add(
    connection: psycopg.Connection[Any], places: list[tuple[float, float]]
) -> list[tuple[int, float, float]]:
    numbers, lats, lons = range(len(places)), [lat for lat, _ in places], [lon for _, lon in places]
    connection.execute(
        "INSERT INTO users (phone, name, role, password_hash)"
        " SELECT '+22170' || lpad(n::text, 7, '0'), 'Chauffeur', 'driver', '!' FROM unnest(%s::int[]) AS n",
        (list(numbers),),
    )
    connection.execute(
        "INSERT INTO vehicles (plate, driver_id) SELECT 'AV-' || phone, id FROM users WHERE phone LIKE '+22170%%' ORDER BY phone"
    )
    connection.execute(
        "INSERT INTO vehicle_states (vehicle_id, time, lat, lon)"
        " SELECT id, %s, lat, lon FROM unnest(%s::float8[], %s::float8[]) WITH ORDINALITY AS p (lat, lon, n)"
        " JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM vehicles) AS v USING (n)",
        (NOW, lats, lons),
    )
    return connection.execute(
        "SELECT vehicle_id, lat, lon FROM vehicle_states ORDER BY vehicle_id"
    ).fetchall()  # type: ignore[return-value]


def ask(lat: float, lon: float, radius_km: float) -> list[int]:
    actor = Actor(NOBODY, Role.ADMINISTRATOR, is_superuser=True)
    with transaction() as session:
        found = service.find_nearby_drivers(session, actor, lat=lat, lon=lon, radius_km=radius_km, now=NOW)
    return [driver.candidate.vehicle_id for driver in found]


def looked_at_one_by_one(
    trucks: list[tuple[int, float, float]], lat: float, lon: float, radius_km: float
) -> list[int]:
    far = [(rules.GEOD.inv(lon, lat, truck[2], truck[1])[2], truck[0]) for truck in trucks]
    return [vehicle_id for metres, vehicle_id in sorted(far) if metres <= radius_km * 1000][
        : rules.MAX_DRIVERS
    ]


@pytest.mark.parametrize(
    ("lat", "lon", "radius_km"),
    [
        (*DAKAR, 0.5), (*DAKAR, 1.0), (*DAKAR, 5.0), (*DAKAR, 50.0), (*DAKAR, 500.0), (14.15, -16.07, 30.0),
        (14.15, -16.07, 200.0), (19.9, -19.9, 500.0), (0.0, 0.0, 20.0), (90.0, 0.0, 100.0), (0.0, 180.0, 50.0),
        (-90.0, -180.0, 500.0), (40.0, 100.0, 500.0),
    ],
)  # fmt: skip
def test_the_same_as_one_by_one(
    trucks: list[tuple[int, float, float]], lat: float, lon: float, radius_km: float
) -> None:
    assert ask(lat, lon, radius_km) == looked_at_one_by_one(trucks, lat, lon, radius_km)


def test_a_truck_that_cannot_be_had_is_not_available(
    trucks: list[tuple[int, float, float]], database_url: str
) -> None:
    first, second, third = ask(*DAKAR, 5.0)[:3]
    with psycopg.connect(database_url, autocommit=True) as connection:
        for vehicle_id, starts, ends in ((first, -1, None), (second, -1, 1), (third, -2, -1)):
            connection.execute(
                "INSERT INTO vehicle_unavailabilities (vehicle_id, starts_at, ends_at, reason, created_by, created_at)"
                " SELECT %s, %s, %s, 'maintenance', driver_id, now() FROM vehicles WHERE id = %s",
                (
                    vehicle_id,
                    NOW + timedelta(hours=starts),
                    None if ends is None else NOW + timedelta(hours=ends),
                    vehicle_id,
                ),
            )
        assert ask(*DAKAR, 5.0)[0] == third
        connection.execute("DELETE FROM vehicle_unavailabilities")
    assert ask(*DAKAR, 5.0)[:3] == [first, second, third]


def test_moving_within_a_cell_is_a_heap_only_update(
    trucks: list[tuple[int, float, float]], database_url: str
) -> None:
    """As ingest updates it: the index on cells must not cost each batch."""
    with psycopg.connect(database_url, autocommit=True) as connection:

        def hot() -> tuple[int, int]:
            connection.execute("SELECT pg_stat_force_next_flush()")
            row = connection.execute(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'vehicle_states'"
            ).fetchone()
            assert row is not None
            return row[0], row[1]

        connection.execute(
            "UPDATE vehicle_states SET lat = 14.71, lon = -17.41 WHERE vehicle_id = %s", (trucks[0][0],)
        )
        connection.execute("VACUUM FULL vehicle_states")
        before = hot()
        for step in range(20):
            connection.execute(
                "UPDATE vehicle_states SET lat = %s, time = now() WHERE vehicle_id = %s",
                (14.711 + step * 1e-4, trucks[0][0]),
            )
        after = hot()
        connection.execute(
            "UPDATE vehicle_states SET lat = %s, lon = %s, time = %s WHERE vehicle_id = %s",
            (trucks[0][1], trucks[0][2], NOW, trucks[0][0]),
        )
    assert (after[0] - before[0], after[1] - before[1]) == (20, 20)
