"""What a phone gathered offline, over HTTP: once each, by its own time, and nothing is lost."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.database import transaction
from platform_api.actor import Role
from platform_api.execution import tasks
from platform_api.privacy import erase_store
from tests.integration.execution.world import AT_DELIVERY, POSITION, SYNC, ExecutionWorld
from tests.integration.orders.world import Assigned, Stay
from tests.support.api import code_of, person


def journey(world: ExecutionWorld, order: Assigned) -> list[dict[str, Any]]:
    """A whole day without coverage."""
    reserves = {"text": "Deux sacs déchirés", "packages_damaged": 2}
    return [
        world.action(order, "arrived", 30, place="pickup", position=POSITION),
        world.action(
            order, "loading", 60, position=POSITION, seals=["SN-1", "SN-2"], weight_kg=21_500, packages=400
        ),
        world.action(order, "note", 200, text="Crevaison à Mbour"),
        world.action(order, "proof", 400, receiver_name="Awa Diop", position=AT_DELIVERY, reserves=reserves),
    ]


def test_a_day_offline(world: ExecutionWorld) -> None:
    order = world.assigned()
    told = journey(world, order)
    results = world.sync(order.driver, *told)
    assert [result["state"] for result in results] == ["applied"] * 4
    assert results[1]["flags"] == ["weight_differs"]
    assert results[3]["flags"] == ["damaged", "reserves"]
    assert world.state(order) == ("DELIVERED", {"picked_up": 60.0})
    body = order.shipper.get(order.path).json()
    assert datetime.fromisoformat(body["delivered_at"]) == order.at(400)
    assert world.actions_of(order)[4:] == [
        "arrival_stated",
        "driver_note",
        "loading_confirmed",
        "waybill_issued",
        "proof_of_delivery",
    ]
    loaded = next(row for row in world.history(order) if row["action"] == "loading_confirmed")
    assert loaded["evidence"]["seals"] == ["SN-1", "SN-2"]
    assert loaded["evidence"]["lat"] == 14.6797
    assert loaded["actor_id"] == str(order.driver.id)

    again = world.sync(order.driver, *reversed(told))
    assert [result["state"] for result in again] == ["applied"] * 4
    assert all(result["repeated"] for result in again)
    assert len(world.actions_of(order)) == 9
    items = order.shipper.get(f"{order.path}statements/").json()["items"]
    assert [item["id"] for item in items] == [action["id"] for action in told]
    assert items[3]["said"]["reserves"] == {"text": "Deux sacs déchirés", "packages_damaged": 2}


def test_one_bad_action_holds_up_no_other(world: ExecutionWorld) -> None:
    order, strange = world.assigned(), world.assigned()
    good = world.action(order, "loading", 60)
    sent = [
        {"kind": "note"},
        world.action(order, "dance", 1),
        world.action(order, "note", 1),
        world.action(order, "note", 2, text="x", colour="red"),
        world.action(order, "note", 3, text="a\x00b"),
        world.action(strange, "loading", 10),
        {**world.action(order, "loading", 10), "order_id": str(uuid4())},
        world.action(order, "note", -1, text="zu früh"),
        world.action(order, "note", 1, text="x")
        | {"time": (datetime.now(UTC) + timedelta(hours=1)).isoformat()},
        good,
        good | {"kind": "note", "text": "another"},
    ]
    results = world.sync(order.driver, *sent)
    assert [result["code"] or result["state"] for result in results] == [
        *["invalid_action"] * 5, "order_not_found", "order_not_found", "time_before_assignment", "time_in_future",
        "applied", "action_id_reused",
    ]  # fmt: skip
    assert world.state(order)[0] == "PICKED_UP"
    assert world.state(strange)[0] == "ASSIGNED"
    kept = world.sql("SELECT order_id, refusal FROM driver_actions WHERE user_id = %s", order.driver.id)
    assert sorted(row["refusal"] or "" for row in kept) == [
        "", "order_not_found", "order_not_found", "time_before_assignment", "time_in_future",
    ]  # fmt: skip
    # what a stranger sent is not shown to the order's parties
    assert strange.shipper.get(f"{strange.path}statements/").json()["items"] == []
    french = order.driver.client.post(
        SYNC, json={"actions": [sent[1]]}, headers={**order.driver.headers, "Accept-Language": "fr"}
    )
    assert french.json()["results"][0]["detail"] == "Cette action est mal formée."


def test_who_may_send(world: ExecutionWorld) -> None:
    order = world.assigned()
    note = world.action(order, "note", 1, text="x")
    for somebody in (order.carrier, order.shipper, person(world.client, Role.BROKER)):
        assert code_of(somebody.post(SYNC, {"actions": [note]})) == (403, "role_not_allowed")
    assert code_of(world.client.post(SYNC, json={"actions": [note]})) == (401, "not_authenticated")
    assert code_of(order.driver.post(SYNC, {"actions": []})) == (422, "invalid_body")
    assert code_of(order.driver.post(SYNC, {"actions": [note] * 101})) == (422, "invalid_body")
    stranger = person(world.client, Role.DRIVER)
    assert world.states(stranger, note) == ["order_not_found"]


def test_a_proof_waits_for_the_loading(world: ExecutionWorld) -> None:
    order = world.assigned()
    proof = world.action(order, "proof", 400, receiver_name="Awa Diop")
    assert world.states(order.driver, proof) == ["order_not_picked_up"]
    assert world.state(order)[0] == "ASSIGNED"
    assert world.states(order.driver, world.action(order, "loading", 60)) == ["applied"]
    assert world.state(order)[0] == "DELIVERED"
    assert world.states(order.driver, proof) == ["applied"]


def test_a_proof_waits_for_the_pings(world: ExecutionWorld) -> None:
    """The truck's own positions came later than the phone's word: the sweep judges it again."""
    order = world.assigned()
    proof = world.action(order, "proof", 400, receiver_name="Awa Diop")
    assert world.states(order.driver, proof) == ["order_not_picked_up"]
    assert tasks.reckon_pending() == 0
    world.drive(order, Stay("pickup", 10, 60))
    assert tasks.reckon_pending() == 1
    assert world.state(order)[0] == "DELIVERED"
    assert tasks.reckon_pending() == 0


def test_photos_that_are_still_on_their_way(world: ExecutionWorld) -> None:
    order = world.assigned()
    photo = world.upload(order.driver)
    loading = world.action(order, "loading", 60, photos=[photo])
    missing = str(uuid4())
    proof = world.action(order, "proof", 400, receiver_name="Awa", photos=[photo], signature=missing)
    assert world.states(order.driver, loading, proof) == ["applied", "waiting_for_file"]
    assert world.state(order)[0] == "PICKED_UP"
    world.sql("UPDATE files SET id = %s WHERE id = %s", missing, world.upload(order.driver))
    assert world.states(order.driver, proof) == ["applied"]
    assert world.state(order)[0] == "DELIVERED"

    items = order.shipper.get(f"{order.path}statements/").json()["items"]
    assert items[0]["files"] == [{"id": photo, "role": "photo"}]
    assert {file["role"] for file in items[1]["files"]} == {"photo", "signature"}
    path = f"{order.path}statements/files/{missing}/"
    for party in (order.shipper, order.carrier, order.driver):
        shown = party.get(path)
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    loser = person(world.client, Role.CARRIER)
    assert code_of(loser.get(path)) == (404, "order_not_found")
    other = world.upload(order.driver)
    assert code_of(order.driver.get(f"{order.path}statements/files/{other}/")) == (404, "file_not_found")
    (row,) = world.sql("SELECT used_at FROM files WHERE id = %s", missing)
    assert row["used_at"] is not None


def test_files_of_others_and_of_the_wrong_kind(world: ExecutionWorld) -> None:
    order = world.assigned()
    theirs = world.upload(order.shipper)
    paper = world.upload(order.driver, b"%PDF-1.4 whatever")
    sent = [world.action(order, "note", 1, text="x", photos=[file_id]) for file_id in (theirs, paper)]
    assert world.states(order.driver, *sent) == ["waiting_for_file", "file_type_not_allowed"]
    loading = f"{order.path}confirm-loading/"
    assert code_of(order.driver.post(loading, {"photos": [theirs]})) == (404, "file_not_found")
    assert code_of(order.driver.post(loading, {"photos": [paper]})) == (415, "file_type_not_allowed")


def test_an_order_cancelled_meanwhile(world: ExecutionWorld) -> None:
    order = world.assigned()
    assert world.states(order.driver, world.action(order, "arrived", 5, place="pickup")) == ["applied"]
    assert order.shipper.post(f"{order.path}cancel/", {"reason": "x"}).status_code == 200
    loading = world.action(order, "loading", 60)
    assert world.states(order.driver, loading) == ["order_cancelled"]
    assert world.states(order.driver, loading) == ["order_cancelled"]
    assert world.state(order)[0] == "CANCELLED"
    conflicts = [row for row in world.history(order) if row["action"] == "action_in_conflict"]
    assert [row["evidence"]["refusal"] for row in conflicts] == ["order_cancelled"]
    items = order.carrier.get(f"{order.path}statements/").json()["items"]
    assert [(item["state"], item["code"]) for item in items] == [
        ("applied", None),
        ("refused", "order_cancelled"),
    ]


def outcome(world: ExecutionWorld, order: Assigned) -> tuple[Any, ...]:
    """All that a batch may change, in minutes, without what depends on when it was told."""
    body = order.shipper.get(order.path).json()
    items = order.shipper.get(f"{order.path}statements/").json()["items"]
    minutes = timedelta(minutes=1)
    judged = sorted(
        (
            (datetime.fromisoformat(item["time"]) - order.assigned_at) / minutes,
            item["kind"],
            item["state"],
            item["code"],
            tuple(item["flags"]),
        )
        for item in items
    )
    times = {
        name: body[name] and (datetime.fromisoformat(body[name]) - order.assigned_at) / minutes
        for name in ("picked_up_at", "delivered_at", "departed_pickup_at")
    }
    noted = sorted(
        (
            row["action"],
            row["event_time"] and (datetime.fromisoformat(row["event_time"]) - order.assigned_at) / minutes,
        )
        for row in world.history(order)
        if row["action"] in ("arrival_stated", "driver_note", "reserves_made")
    )
    return body["status"], body["driver_id"] is None, times, judged, noted


def every_kind(world: ExecutionWorld, order: Assigned) -> list[dict[str, Any]]:
    """With doubles, a clock gone wrong and things that exclude each other."""
    return [
        world.action(order, "accept", 12),
        world.action(order, "reject", 9, reason="En panne"),
        world.action(order, "arrived", 20, place="pickup"),
        world.action(order, "loading", 70, packages=400),
        world.action(order, "loading", 60, weight_kg=30_000, packages=390),
        world.action(order, "reserve", 65, stage="pickup", text="Palette humide"),
        world.action(order, "note", -20, text="trop tôt"),
        world.action(order, "proof", 400, receiver_name="Awa Diop", packages_delivered=390),
        world.action(order, "proof", 390, receiver_name="Moussa Fall", packages_delivered=380),
        world.action(order, "proof", 50, receiver_name="Horloge folle", position=AT_DELIVERY),
    ]


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
@given(data=st.data())
def test_any_batching_order_and_repetition_ends_in_the_same(
    world: ExecutionWorld, data: st.DataObject
) -> None:
    plain = world.assigned()
    chosen = data.draw(st.sets(st.integers(0, 9), min_size=1))
    world.sync(plain.driver, *[each for n, each in enumerate(every_kind(world, plain)) if n in chosen])
    order = world.assigned()
    told = [each for n, each in enumerate(every_kind(world, order)) if n in chosen]
    told += data.draw(st.lists(st.sampled_from(told), max_size=3))
    shuffled = data.draw(st.permutations(told))
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        world.sync(order.driver, *shuffled[:size])
        shuffled = shuffled[size:]
    assert outcome(world, order) == outcome(world, plain)


def test_an_erasure_forgets_where_he_spoke(world: ExecutionWorld) -> None:
    order = world.assigned()
    world.sync(order.driver, *journey(world, order))
    with transaction() as session:
        assert erase_store.forget_where_he_spoke(session, order.driver.id) == 3
    rows = world.sql(
        "SELECT lat, lon, accuracy_m, body FROM driver_actions WHERE user_id = %s", order.driver.id
    )
    assert len(rows) == 4
    assert all(row["lat"] is row["lon"] is row["accuracy_m"] is None for row in rows)
    assert any(row["body"].get("receiver_name") == "Awa Diop" for row in rows)
