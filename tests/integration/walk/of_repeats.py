"""Templates and schedules."""

from tests.integration.walk.entries import EVERYBODY, Call, Entry
from tests.integration.walk.world import ORDER, World

CREATE = "shipper broker administrator"
NEVER = "carrier driver"


def template_id(w: World) -> str:
    return str(w.made(w.shipper, "/api/v1/order-templates/", {"name": "Riz", "order": ORDER}))


def template(w: World) -> Call:
    return Call({"template_id": template_id(w)})


def schedule(w: World) -> Call:
    body = {"template_id": template_id(w), "weekdays": [1], "at_time": "06:00:00"}
    return Call({"schedule_id": w.made(w.shipper, "/api/v1/order-schedules/", body)})


ENTRIES = [
    Entry(
        "POST /api/v1/order-templates/",
        lambda w: Call(body={"name": "Riz", "order": ORDER}),
        ok=CREATE,
        forbidden=NEVER,
    ),
    Entry("GET /api/v1/order-templates/", ok=EVERYBODY),
    Entry("GET /api/v1/order-templates/{template_id}/", template, ok="shipper"),
    Entry(
        "PATCH /api/v1/order-templates/{template_id}/",
        lambda w: Call({"template_id": template_id(w)}, body={"name": "Mil"}),
        ok="shipper",
    ),
    Entry("DELETE /api/v1/order-templates/{template_id}/", template, ok="shipper"),
    Entry(
        "POST /api/v1/order-templates/{template_id}/orders/",
        lambda w: Call({"template_id": template_id(w)}, body={}),
        ok="shipper",
    ),
    Entry(
        "POST /api/v1/order-schedules/",
        lambda w: Call(body={"template_id": template_id(w), "weekdays": [1], "at_time": "06:00:00"}),
        ok="shipper",
        forbidden=NEVER,
        # the template is the shipper's
        but={"broker": "404", "administrator": "404", "other_shipper": "404", "other_broker": "404"},
    ),
    Entry("GET /api/v1/order-schedules/", ok=EVERYBODY),
    Entry("GET /api/v1/order-schedules/{schedule_id}/", schedule, ok="shipper"),
    Entry(
        "PATCH /api/v1/order-schedules/{schedule_id}/",
        lambda w: Call(schedule(w).path, body={"posts": True}),
        ok="shipper",
    ),
    Entry("POST /api/v1/order-schedules/{schedule_id}/pause/", schedule, ok="shipper"),
    Entry("POST /api/v1/order-schedules/{schedule_id}/resume/", schedule, ok="shipper"),
    Entry("DELETE /api/v1/order-schedules/{schedule_id}/", schedule, ok="shipper"),
    Entry("GET /api/v1/order-schedules/{schedule_id}/occurrences/", schedule, ok="shipper"),
]
