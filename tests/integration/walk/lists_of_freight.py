"""Lists of freight, trucks and telemetry; see `test_lists`."""

from psycopg.types.json import Jsonb

from tests.integration.walk import of_alert_rules as rules
from tests.integration.walk import of_bids as bids
from tests.integration.walk import of_execution as execution
from tests.integration.walk import of_fleet as fleet
from tests.integration.walk import of_repeats as repeats
from tests.integration.walk import of_telemetry as telemetry
from tests.integration.walk.copies import EARLIER, HASH, TEXT
from tests.integration.walk.entries import Call
from tests.integration.walk.lists import List
from tests.integration.walk.world import World


def of_order(w: World) -> Call:
    return Call({"order_id": w.order_id})


def order(w: World) -> Call:
    w.draft()
    return Call()


def vehicle(w: World) -> Call:
    w.vehicle()
    return Call()


def driver(w: World) -> Call:
    fleet.fresh_driver(w)
    w.sql(
        "UPDATE users SET name = name WHERE id = (SELECT id FROM users WHERE carrier_id = %s LIMIT 1)",
        w.carrier.id,
    )
    return Call()


def device(w: World) -> Call:
    w.sql("UPDATE devices SET priority = 90 WHERE uid = %s", w.device())
    return Call()


def presence_change(w: World) -> Call:
    uid = w.uid
    w.sql(
        "INSERT INTO presence_changes (device_id, at, state) SELECT id, now(), 'online' FROM devices WHERE uid = %s",
        uid,
    )
    return Call({"uid": uid})


def command(w: World) -> Call:
    command_id = fleet.command(w)
    w.sql("UPDATE device_commands SET kind = kind WHERE id = %s", command_id)
    return Call()


def command_step(w: World) -> Call:
    command_id = fleet.command(w)
    w.sql(
        "UPDATE command_steps SET at = at WHERE id = (SELECT max(id) FROM command_steps WHERE command_id = %s)",
        command_id,
    )
    return Call({"command_id": command_id})


def geofence(w: World) -> Call:
    w.made(
        w.carrier,
        "/api/v1/geofences/",
        {"name": "A", "shape": {"type": "Point", "coordinates": [-17.4, 14.7], "properties": {}} | CIRCLE},
    )
    return Call()


CIRCLE = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-17.4281, 14.6797]},
    "properties": {"radius_m": 300},
}


def history(w: World) -> Call:
    order_id = w.draft()
    w.sql("UPDATE order_history SET action = action WHERE order_id = %s", order_id)
    return Call({"order_id": order_id})


def bid(w: World) -> Call:
    call = bids.open_bid(w)
    w.sql("UPDATE bids SET message = 'x' WHERE id = %s", call.path["bid_id"])
    return Call({"order_id": call.path["order_id"]})


def revision(w: World) -> Call:
    call = bids.open_bid(w)
    path = "/api/v1/orders/{order_id}/bids/{bid_id}/".format(**call.path)
    assert w.carrier.patch(path, {"amount_xof": 410_000}).status_code == 200
    w.sql("UPDATE bid_revisions SET message = message WHERE bid_id = %s AND version = 1", call.path["bid_id"])
    return call


def statement(w: World) -> Call:
    order_id = w.loaded()
    w.sql("UPDATE driver_actions SET kind = kind WHERE order_id = %s", order_id)
    return Call({"order_id": order_id})


def route_event(w: World) -> Call:
    order_id = w.assigned()
    w.sql(
        "INSERT INTO route_events (order_id, vehicle_id, kind, cause, started_at, ended_at, evidence, recorded_at, updated_at)"
        " SELECT id, vehicle_id, 'deviation', 'visit', now(), now(), %s, now(), now() FROM orders WHERE id = %s",
        Jsonb({}),
        order_id,
    )
    return Call({"order_id": order_id})


def ping(w: World) -> Call:
    order_id = w.assigned()
    (row,) = w.sql(
        "UPDATE orders SET assigned_at = now() - interval '1 hour' WHERE id = %s RETURNING vehicle_id",
        order_id,
    )
    uid = w.device(vehicle_id=row["vehicle_id"])
    w.sql(
        "INSERT INTO pings (device_id, time, received_at, lat, lon)"
        " SELECT id, now() - interval '30 minutes', now(), 14.7, -17.4 FROM devices WHERE uid = %s",
        uid,
    )
    return Call({"order_id": order_id})


def offer(w: World) -> Call:
    order_id = w.draft()
    w.sql(
        "INSERT INTO offers (order_id, carrier_id, amount_xof, status, expires_at, made_by, created_at, answered_by, answered_at)"
        " VALUES (%s, %s, 1000, 'DECLINED', now(), %s, now(), %s, now())",
        order_id,
        w.carrier.id,
        w.shipper.id,
        w.carrier.id,
    )
    return Call({"order_id": order_id})


def brokerage(w: World) -> Call:
    w.sql(
        "INSERT INTO brokerages (order_id, broker_id, proposed_by, customer_id, customer_xof, status, made_by, created_at,"
        " answered_by, answered_at) VALUES (%s, %s, 'broker', %s, 1000, 'DECLINED', %s, now(), %s, now())",
        w.draft(),
        w.broker.id,
        w.shipper.id,
        w.broker.id,
        w.shipper.id,
    )
    return Call()


def interval(w: World, kind: str) -> Call:
    w.sql(
        "INSERT INTO intervals (vehicle_id, kind, family, origin, device_id, started_at, ended_at, seen_at)"
        " VALUES (%s, %s, %s, 'platform', 0, now() - interval '1 hour', now() - interval '1 hour', now())",
        w.vehicle_id,
        kind,
        kind,
    )
    return Call({"vehicle_id": w.vehicle_id})


def of_fleet(w: World) -> Call:
    interval(w, "speeding")
    return Call(query={"carrier": str(w.carrier.id)})


def day(w: World) -> Call:
    w.sql(
        "INSERT INTO device_days (device_id, day, received, stored) SELECT id, current_date, 1, 1 FROM devices WHERE uid = %s",
        w.uid,
    )
    return Call()


def letter(w: World) -> Call:
    w.sql("UPDATE dead_letters SET topic = topic WHERE id = %s", w.letter_id)
    return Call()


def alert(w: World) -> Call:
    telemetry.alert(w)
    return Call()


def fleet_document(w: World) -> Call:
    call = fleet.document(w)
    w.sql("UPDATE fleet_documents SET ended_at = now() WHERE id = %s", call.path["document_id"])
    return Call(query={"history": "true"})


def claim(w: World) -> Call:
    execution.claim(w)
    return Call()


def alert_rule(w: World) -> Call:
    rules.rule(w)
    return Call()


def geofence_group(w: World) -> Call:
    rules.group(w)
    return Call()


def order_paper(w: World) -> Call:
    order_id = w.draft()
    w.sql(
        "INSERT INTO order_documents (order_id, file_id, kind, party_id, uploaded_by, created_at)"
        " VALUES (%s, %s, 'other', %s, %s, now())",
        order_id,
        w.file(w.shipper),
        w.shipper.id,
        w.shipper.id,
    )
    return Call({"order_id": order_id})


def tracking_link(w: World) -> Call:
    order_id = w.assigned()
    w.sql(
        "INSERT INTO tracking_links (order_id, created_by, token_hash, expires_at, created_at)"
        " VALUES (%s, %s, repeat('0', 64), now() + interval '1 day', now())",
        order_id,
        w.shipper.id,
    )
    return Call({"order_id": order_id})


def unavailability(w: World) -> Call:
    w.sql(
        "INSERT INTO vehicle_unavailabilities (vehicle_id, starts_at, ends_at, reason, created_by, created_at)"
        " VALUES (%s, now() + interval '1 day', now() + interval '25 hours', 'maintenance', %s, now())",
        w.vehicle_id,
        w.carrier.id,
    )
    return Call({"vehicle_id": w.vehicle_id})


def template(w: World) -> Call:
    repeats.template(w)
    return Call()


def schedule(w: World) -> Call:
    call = repeats.schedule(w)
    w.sql("UPDATE order_schedules SET lead_days = 1 WHERE id = %s", call.path["schedule_id"])
    return Call()


def occurrence(w: World) -> Call:
    call = repeats.schedule(w)
    w.sql(
        "INSERT INTO schedule_occurrences (schedule_id, date, problem, created_at)"
        " VALUES (%s, current_date, 'order_not_found', now())",
        call.path["schedule_id"],
    )
    return call


LISTS = [
    List("GET /api/v1/order-templates/", "order_templates", template, "shipper", EARLIER),
    List("GET /api/v1/order-schedules/", "order_schedules", schedule, "shipper", EARLIER),
    List(
        "GET /api/v1/order-schedules/{schedule_id}/occurrences/",
        "schedule_occurrences",
        occurrence,
        "shipper",
        {"date": "o.date - n"},
    ),
    List(
        "GET /api/v1/fleet/vehicles/{vehicle_id}/unavailability/",
        "vehicle_unavailabilities",
        unavailability,
        "carrier",
        {"starts_at": "o.starts_at + n * interval '1 day'", "ends_at": "o.ends_at + n * interval '1 day'"},
    ),
    List("GET /api/v1/alert-rules/", "alert_rules", alert_rule, "carrier"),
    List("GET /api/v1/geofence-groups/", "geofence_groups", geofence_group, "carrier", {"name": TEXT}),
    List("GET /api/v1/orders/{order_id}/documents/", "order_documents", order_paper, "shipper", EARLIER),
    List(
        "GET /api/v1/orders/{order_id}/tracking-links/",
        "tracking_links",
        tracking_link,
        "shipper",
        EARLIER | {"token_hash": HASH},
    ),
    List("GET /api/v1/brokerages/", "brokerages", brokerage, "broker", EARLIER),
    List("GET /api/v1/offers/", "offers", offer, "carrier", EARLIER),
    List("GET /api/v1/orders/{order_id}/offers/", "offers", offer, "shipper", EARLIER),
    List(
        "GET /api/v1/orders/{order_id}/route-events/", "route_events", route_event, "shipper", {"cause": TEXT}
    ),
    List(
        "GET /api/v1/tracking/orders/{order_id}/pings/",
        "pings",
        ping,
        "shipper",
        {"time": "o.time + n * interval '1 second'"},
    ),
    List("GET /api/v1/orders/", "orders", order, "shipper", EARLIER | {"reference": TEXT}),
    List("GET /api/v1/orders/{order_id}/history/", "order_history", history, "shipper"),
    List("GET /api/v1/orders/{order_id}/bids/", "bids", bid, "shipper", EARLIER | {"status": "'WITHDRAWN'"}),
    List(
        "GET /api/v1/orders/{order_id}/bids/{bid_id}/revisions/",
        "bid_revisions",
        revision,
        "shipper",
        {"version": "100 + n", "bid_id": "o.bid_id"},
    ),
    List(
        "GET /api/v1/orders/{order_id}/statements/",
        "driver_actions",
        statement,
        "shipper",
        {"kind": "'note'", "user_id": "o.user_id"},
    ),
    List("GET /api/v1/fleet/vehicles/", "vehicles", vehicle, "carrier", {"plate": TEXT}),
    List(
        "GET /api/v1/fleet/drivers/",
        "users",
        driver,
        "carrier",
        EARLIER | {"phone": "'+22176' || (1000000 + n)"},
    ),
    List("GET /api/v1/fleet/devices/", "devices", device, "carrier", {"uid": TEXT}),
    List("GET /api/v1/fleet/devices/{uid}/presence/changes/", "presence_changes", presence_change, "carrier"),
    List("GET /api/v1/fleet/documents/", "fleet_documents", fleet_document, "carrier", EARLIER),
    List("GET /api/v1/commands/", "device_commands", command, "carrier", EARLIER | {"key": "NULL"}),
    List("GET /api/v1/commands/{command_id}/steps/", "command_steps", command_step, "carrier"),
    List("GET /api/v1/geofences/", "geofences", geofence, "carrier"),
    *[
        List(
            f"GET /api/v1/telemetry/vehicles/{{vehicle_id}}/{name}/",
            "intervals",
            lambda w, kind=kind: interval(w, kind),
            "carrier",
            {"started_at": "o.started_at - n * interval '1 hour'"},
        )
        for name, kind in (("intervals", "idling"), ("trips", "trip"), ("stops", "stop"))
    ],
    List(
        "GET /api/v1/telemetry/intervals/",
        "intervals",
        of_fleet,
        "carrier",
        {"started_at": "o.started_at - n * interval '1 hour'"},
    ),
    List("GET /api/v1/telemetry/accounts/", "device_days", day, "carrier", {"day": "o.day - n"}),
    List("GET /api/v1/telemetry/dead-letters/", "dead_letters", letter, "carrier"),
    List("GET /api/v1/alerts/", "alerts", alert, "shipper"),
    List("GET /api/v1/detention/claims/", "detention_claims", claim, "shipper", {"place": "'stop/' || n"}),
]
