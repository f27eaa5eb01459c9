"""Suggested trucks. An order on the market is known to every carrier."""

from tests.integration.walk.entries import Call, Entry

ENTRIES = [
    Entry(
        "GET /api/v1/orders/{order_id}/suggestions/",
        lambda w: Call({"order_id": w.posted()}),
        ok="shipper administrator",
        but={"carrier": "403", "other_carrier": "403"},
        open=True,
    ),
]
