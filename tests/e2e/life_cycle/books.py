"""Nothing lost: the order's history and the accounts of the pings."""

import psycopg

from cli.demo_report import read_books
from tests.e2e.life_cycle.joining import TRACKER, Cast
from tests.e2e.life_cycle.market import Deal
from tests.e2e.life_cycle.stage import Json, Stage, ok

COMPLETED_PATH = [
    "POSTED", "BIDDING", "ASSIGNED", "PICKUP_PENDING", "PICKED_UP", "IN_TRANSIT", "DELIVERED", "COMPLETED",
]  # fmt: skip
DISPUTED_PATH = ["POSTED", "BIDDING", "ASSIGNED", "PICKED_UP", "DELIVERED", "DISPUTED", "RESOLVED"]


def every_transition_once(cast: Cast, deal: Deal, brokered_id: str) -> None:
    """In the order of what happened, each with who or what moved it."""
    history = _history(cast, deal.order_id)
    moves = [row for row in history if row["from_status"] not in (None, row["to_status"])]
    assert [row["to_status"] for row in moves] == COMPLETED_PATH
    for action in ("arrived_pickup", "departed_pickup", "arrived_delivery", "departed_delivery"):
        (row,) = [row for row in history if row["action"] == action]
        assert row["actor_kind"] == "geofence"
        assert row["crossing_id"] is not None
        assert row["evidence"]
    times = [row["event_time"] for row in moves]
    assert times == sorted(times)
    second = [
        row for row in _history(cast, brokered_id) if row["from_status"] not in (None, row["to_status"])
    ]
    assert [row["to_status"] for row in second] == DISPUTED_PATH


def _history(cast: Cast, order_id: str) -> list[Json]:
    path = f"/api/v1/orders/{order_id}/history/"
    rows: list[Json] = ok(cast.administrator.get(path, params={"limit": 100}))["items"]
    return rows


def every_ping_accounted(stage: Stage, cast: Cast) -> None:
    """received = stored + duplicate + rejected, by worker, by device, and in the carrier's own account."""
    with psycopg.connect(stage.settings.database_url, autocommit=True) as connection:
        books = read_books(connection)
    received, stored, duplicate, rejected = (
        sum(int(row[column]) for row in books.totals) for column in range(1, 5)
    )
    assert received == stored + duplicate + rejected
    assert stored == books.rows
    assert min(stored, duplicate, rejected) > 0
    (account,) = ok(cast.carrier.get("/api/v1/telemetry/accounts/", params={"device": TRACKER}))["items"]
    assert [account[name] for name in ("received", "stored", "duplicate", "rejected")] == [
        received, stored, duplicate, rejected,
    ]  # fmt: skip
    assert ok(cast.rival.get("/api/v1/telemetry/accounts/"))["items"] == []
