"""A driver's copy, its erasure and the access log: over HTTP, by the tasks, with ingest's part done by ingest's code."""

import csv
import gc
import io
import json
import resource
import stat
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from config import clock
from config.database import transaction
from config.settings import get_settings
from platform_api import spool
from platform_api.actor import Role
from platform_api.bids import service as bids
from platform_api.privacy import erasing, exporting, jobs, tasks
from platform_api.privacy.erasing import Progress
from platform_api.privacy.rules import copy_name
from tests.integration.orders.world import Stay, actor_of
from tests.integration.platform_api.privacy_world import (
    PRIVACY,
    Driver,
    administrator,
    ingest_erases,
    raising,
)
from tests.support.api import PASSWORD, Person, api_on, code_of, person
from tests.support.standing_clock import clock_stands
from tests.support.waiting import wait_until

PINGS = 200_000
# Of the process, the driver's own buffers included; read at once the rows take a hundred.
MOST_MEMORY_MB = 25


@pytest.fixture(scope="module")
def client(
    database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("exports") / "deep" / "er"
    with api_on(database_url, redis_url, export_dir=folder, erasure_wait_days=7) as client:
        yield client


@pytest.fixture
def driver(client: httpx.Client, database_url: str) -> Driver:
    return Driver(client, database_url)


@pytest.fixture
def admin(client: httpx.Client) -> Person:
    return administrator(client)


# Export ------------------------------------------------------------------------


def exported(driver: Driver, by: Person | None = None) -> zipfile.ZipFile:
    by = by or driver.person
    body = None if by is driver.person else {"subject_id": str(driver.person.id)}
    asked = by.post(f"{PRIVACY}/exports/", body)
    assert asked.status_code == 202, asked.text
    path = f"{PRIVACY}/exports/{asked.json()['id']}/"
    assert code_of(by.get(f"{path}file/")) == (409, "export_not_ready")
    tasks.write_export(asked.json()["id"])
    shown = by.get(path).json()
    assert shown["state"] == "ready"
    answer = by.get(f"{path}file/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert len(answer.content) == shown["file_bytes"]
    return zipfile.ZipFile(io.BytesIO(answer.content))


def table(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(f"{name}.csv").decode())))


def test_the_copy_holds_all_that_is_his(driver: Driver) -> None:
    driver.drive(10, 11, 12, 13)
    driver.deliver(60)
    driver.on_duty()
    driver.order.shipper.get(f"/api/v1/tracking/orders/{driver.order.id}/pings/")
    archive = exported(driver)
    assert archive.testzip() is None
    account = json.loads(archive.read("account.json"))
    assert (account["phone"], account["name"], account["role"]) == (driver.phone, driver.name, "driver")
    assert account["carrier_id"] == str(driver.order.carrier.id)
    assert [row["uid"] for row in table(archive, "devices")] == [driver.uid]
    pings = table(archive, "phone_pings")
    assert [(row["uid"], float(row["lat"]), float(row["speed_kmh"])) for row in pings] == [
        (driver.uid, driver.lat, 40.0)
    ] * 4
    assert [row["time"][:19] for row in pings] == [driver.at(n).isoformat()[:19] for n in (10, 11, 12, 13)]
    assert [row["ended_at"] for row in table(archive, "duty_periods")] == [""]
    (order,) = table(archive, "orders")
    assert (order["id"], order["goods"]) == (str(driver.order.id), "Riz brisé, 400 sacs")
    assert {row["action"] for row in table(archive, "order_actions")} == {
        "loading_confirmed",
        "proof_of_delivery",
        "waybill_issued",
    }
    assert [row["action"] for row in table(archive, "access_log")] == ["pings_read", "export_asked"]
    assert [row["what"] for row in table(archive, "requests")] == ["export"]
    for name in archive.namelist():
        assert name == "README.txt" or name in archive.read("README.txt").decode()
    # Others' business is not in it: what the carrier is paid, who the shipper is.
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert driver.order.shipper.phone.encode() not in everything
    assert b"500000" not in everything


def test_what_the_vehicle_did_for_others_is_not_his(driver: Driver) -> None:
    driver.world.drive(driver.order, Stay("pickup", 10, 40))
    driver.deliver(60)
    driver.sql(
        "INSERT INTO intervals (vehicle_id, kind, family, origin, device_id, started_at, ended_at, seen_at)"
        " SELECT %s, 'trip', 'trip', 'platform', 0, t, t, t FROM unnest(%s::timestamptz[]) AS t",
        driver.order.vehicle_id,
        [driver.at(-5), driver.at(50), driver.at(70)],
    )
    archive = exported(driver)
    assert [row["order_id"] for row in table(archive, "visits")] == [str(driver.order.id)]
    (trip,) = table(archive, "intervals")
    assert trip["started_at"].startswith(driver.at(50).isoformat()[:19])


def test_positions_of_a_phone_that_changed_hands_are_each_drivers_own(driver: Driver) -> None:
    driver.drive(10, 11)
    other = person(driver.person.client, Role.DRIVER, carrier_id=driver.order.carrier.id)
    driver.sql("UPDATE devices SET user_id = %s WHERE uid = %s", other.id, driver.uid)
    driver.sql("UPDATE phone_owners SET until = %s WHERE user_id = %s", driver.at(10.5), driver.person.id)
    driver.sql("UPDATE phone_owners SET since = %s WHERE user_id = %s", driver.at(10.5), other.id)
    assert len(table(exported(driver), "phone_pings")) == 1


def test_who_may_have_a_copy(client: httpx.Client, driver: Driver, admin: Person) -> None:
    path = f"{PRIVACY}/exports/"
    his = {"subject_id": str(driver.person.id)}
    for role in (Role.CARRIER, Role.SHIPPER, Role.BROKER):
        other = person(client, role)
        assert code_of(other.post(path, his)) == (403, "role_not_allowed")
    stranger = person(client, Role.DRIVER)
    assert code_of(stranger.post(path, his)) == (403, "role_not_allowed")
    assert code_of(driver.order.carrier.post(path, his)) == (403, "role_not_allowed")
    assert code_of(admin.post(path)) == (422, "subject_missing")
    assert code_of(admin.post(path, {"subject_id": str(uuid4())})) == (404, "user_not_found")
    assert code_of(client.post(path)) == (401, "not_authenticated")
    exported(driver, by=admin)
    (mine,) = driver.person.get(path).json()["items"]
    assert mine["asked_by"] == str(admin.id)
    for where in (f"{path}{mine['id']}/", f"{path}{mine['id']}/file/"):
        assert code_of(stranger.get(where)) == (404, "export_not_found")
    assert stranger.get(path).json()["items"] == []
    assert driver.person.get(f"{path}{mine['id']}/file/").status_code == 200


def test_one_copy_at_a_time_and_a_few_a_day(driver: Driver) -> None:
    path = f"{PRIVACY}/exports/"
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(driver.person.post, path).result() for _ in range(4)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    for _ in range(4):
        tasks.write_export(driver.person.get(path).json()["items"][0]["id"])
        assert driver.person.post(path).status_code == 202
    tasks.write_export(driver.person.get(path).json()["items"][0]["id"])
    answer = driver.person.post(path)
    assert code_of(answer) == (429, "too_many_exports")
    assert "retry-after" in answer.headers


def test_the_file_is_for_us_alone_and_deleted_in_time(driver: Driver) -> None:
    exported(driver)
    (shown,) = driver.person.get(f"{PRIVACY}/exports/").json()["items"]
    path = spool.path_of(copy_name(shown["id"]))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in Path(get_settings().export_dir).glob("*.part")] == []
    tasks.sweep()
    assert path.exists()
    driver.sql("UPDATE data_exports SET expires_at = now() - interval '1 s' WHERE id = %s", shown["id"])
    tasks.sweep()
    assert not path.exists()
    answer = driver.person.get(f"{PRIVACY}/exports/{shown['id']}/file/")
    assert code_of(answer) == (409, "export_deleted")


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def test_two_hundred_thousand_positions_in_bounded_memory(driver: Driver) -> None:
    driver.sql(
        "INSERT INTO pings (device_id, time, received_at, lat, lon, speed_kmh, seq)"
        " SELECT d.id, t, t, 14.7, -17.4, 42, 1 FROM devices d,"
        " generate_series(%s::timestamptz, %s::timestamptz, '1 s') AS t WHERE d.uid = %s",
        driver.at(0),
        driver.at(0) + timedelta(seconds=PINGS - 1),
        driver.uid,
    )
    export_id = UUID(driver.person.post(f"{PRIVACY}/exports/").json()["id"])
    told: list[tuple[str, int]] = []
    with transaction() as session:
        assert jobs.begin_export(session, export_id, clock.now()) == driver.person.id
    gc.collect()
    before_mb, peak_mb = resident_mb(), 0.0

    def tell(part: str, rows: int) -> None:
        nonlocal peak_mb
        told.append((part, rows))
        peak_mb = max(peak_mb, resident_mb())

    _, rows = exporting.write_copy(export_id, driver.person.id, tell)
    assert rows > PINGS
    assert peak_mb - before_mb < MOST_MEMORY_MB, f"{peak_mb - before_mb:.1f} MB"
    # Its progress can be seen.
    assert len([n for part, n in told if part == "phone_pings"]) == PINGS // exporting.TELL_EVERY_ROWS + 1
    with (
        zipfile.ZipFile(spool.path_of(copy_name(export_id))) as archive,
        archive.open("phone_pings.csv") as lines,
    ):
        assert sum(1 for _ in lines) == PINGS + 1


def test_a_lost_or_killed_task_is_found_by_the_sweep(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    queued: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(tasks, "queue", lambda task, **kwargs: queued.append((task, kwargs)))
    export_id = driver.person.post(f"{PRIVACY}/exports/").json()["id"]

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(exporting, "write_copy", killed)
        with pytest.raises(KeyboardInterrupt):
            tasks.write_export(export_id)
    assert driver.person.get(f"{PRIVACY}/exports/{export_id}/").json()["state"] == "running"
    tasks.sweep()
    assert ("privacy.write_export", {"export_id": export_id}) not in queued
    driver.sql("UPDATE data_exports SET touched_at = now() - interval '1 hour' WHERE id = %s", export_id)
    tasks.sweep()
    assert ("privacy.write_export", {"export_id": export_id}) in queued
    tasks.write_export(export_id)
    tasks.write_export(export_id)  # harmless
    assert driver.person.get(f"{PRIVACY}/exports/{export_id}/").json()["state"] == "ready"


def test_a_copy_that_cannot_be_written_fails_in_the_end(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "_write", full)
    export_id = driver.person.post(f"{PRIVACY}/exports/").json()["id"]
    for _ in range(5):
        tasks.write_export(export_id)
    assert code_of(driver.person.get(f"{PRIVACY}/exports/{export_id}/file/")) == (409, "export_failed")
    assert list(Path(get_settings().export_dir).glob("*.part")) == []


def test_two_tasks_at_once_write_one_copy(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = driver.person.post(f"{PRIVACY}/exports/").json()["id"]
    inside, go_on = threading.Event(), threading.Event()
    write = exporting._write
    calls = []

    def slow(*arguments: Any) -> int:
        calls.append(1)
        inside.set()
        assert go_on.wait(20)
        return write(*arguments)

    monkeypatch.setattr(exporting, "_write", slow)
    first = threading.Thread(target=tasks.write_export, args=[export_id])
    first.start()
    assert inside.wait(20)
    tasks.write_export(export_id)
    go_on.set()
    first.join(20)
    assert len(calls) == 1
    assert driver.person.get(f"{PRIVACY}/exports/{export_id}/").json()["state"] == "ready"


# Erasure -----------------------------------------------------------------------


def test_an_erasure_leaves_nothing_of_him_anywhere(driver: Driver, admin: Person) -> None:
    login = driver.person.client.post(
        "/api/v1/auth/login/", json={"phone": driver.phone, "password": PASSWORD}
    )
    assert login.status_code == 200
    driver.drive(*range(10, 40))
    driver.sql(
        "INSERT INTO rejected_pings (received_at, topic, device_uid, reason, payload, payload_bytes, worker)"
        " VALUES (now(), %s, %s, 'off_duty', '', 9, 'w')",
        f"v1/devices/{driver.uid}/pings",
        driver.uid,
    )
    driver.world.drive(driver.order, Stay("pickup", 10, 40))
    # The proof of the stay was his phone's, at its place.
    phone_id = driver.sql("SELECT id FROM devices WHERE uid = %s", driver.uid)[0][0]
    for table_name, column in (("visits", "enter_evidence"), ("order_history", "evidence")):
        driver.sql(
            f"UPDATE {table_name} SET {column} = replace(replace({column}::text, '\"device_id\": 1,',"
            " '\"device_id\": ' || %s || ','), '14.6797', %s)::jsonb"
            + (" WHERE vehicle_id = %s" if table_name == "visits" else " WHERE order_id = %s"),
            str(phone_id),
            repr(driver.lat),
            driver.order.vehicle_id if table_name == "visits" else driver.order.id,
        )
    driver.deliver(60)
    driver.on_duty()
    # A freight broker took him for a customer.
    driver.sql(
        "INSERT INTO brokerages (order_id, broker_id, proposed_by, customer_phone, customer_xof, made_by, created_at)"
        " VALUES (%s, %s, 'broker', %s, 5, %s, now())",
        driver.order.id, driver.order.shipper.id, driver.phone, driver.order.shipper.id,
    )  # fmt: skip
    exported(driver)
    before = driver.traces()
    assert before.keys() >= {
        "users", "devices", "mqtt_credentials", "pings", "rejected_pings", "visits", "order_history", "vehicle_states",
        "brokerages",
    }  # fmt: skip
    history = driver.world.history(driver.order)
    path = driver.confirmed()
    driver.make_due()
    shown = driver.erase(path, admin)
    assert driver.traces() == {}
    assert shown["counts"].keys() >= {"sessions", "duty_periods", "phones", "pings", "order_history"}
    assert shown["counts"]["pings"] == 30
    # What the law wants kept: the order, its times, what it cost and who drove it, by a pseudonym.
    order = driver.order.shipper.get(driver.order.path).json()
    assert (order["status"], order["driver_id"]) == ("COMPLETED", str(driver.person.id))
    kept = driver.world.history(driver.order)
    assert [(row["action"], row["event_time"]) for row in kept] == [
        (row["action"], row["event_time"]) for row in history
    ]
    proof = next(row["evidence"] for row in kept if row["action"] == "proof_of_delivery")
    assert (proof["lat"], proof["receiver_name"]) == (None, "Ousmane")
    assert proof["distance_m"] is not None
    # He is out, and his number is free.
    assert code_of(driver.person.get("/api/v1/auth/me/")) == (401, "account_disabled")
    answer = driver.person.client.post(
        "/api/v1/auth/token/refresh/", json={"refresh": login.json()["refresh"]}
    )
    assert answer.status_code == 401
    copies = [
        row
        for row in admin.get(f"{PRIVACY}/exports/").json()["items"]
        if row["subject_id"] == str(driver.person.id)
    ]
    assert [(row["state"], spool.path_of(copy_name(row["id"])).exists()) for row in copies] == [
        ("deleted", False)
    ]
    # Done again it is harmless, and asked again it is refused.
    tasks.erase(path.split("/")[-2])
    tasks.sweep()
    assert admin.get(path).json() == shown
    answer = admin.post(f"{PRIVACY}/erasures/", {"subject_id": str(driver.person.id)})
    assert code_of(answer) == (409, "already_erased")


def test_what_the_erased_phone_still_sends_leaves_no_trace(driver: Driver, admin: Person) -> None:
    driver.deliver(60)
    path = driver.confirmed()
    driver.make_due()
    driver.erase(path, admin)
    driver.drive(10)
    assert driver.traces() == {}
    refused = driver.sql("SELECT topic, device_uid, reason FROM rejected_pings ORDER BY id DESC LIMIT 1")
    assert refused == [("(erased)", None, "unknown_device")]


def test_two_steps_and_time_to_think_better_of_it(driver: Driver, admin: Person) -> None:
    driver.deliver(60)
    first, old_code = driver.ask()
    path, code = driver.ask()
    assert path == first
    assert code_of(driver.person.post(f"{path}confirm/", {"code": old_code})) == (422, "wrong_code")
    shown = driver.person.post(f"{path}confirm/", {"code": code}).json()
    assert shown["state"] == "waiting"
    assert timedelta(days=6) < (clock.now().fromisoformat(shown["due_at"]) - clock.now()) < timedelta(days=8)
    assert driver.person.post(f"{path}confirm/", {"code": code}).json() == shown
    assert code_of(driver.person.post(f"{PRIVACY}/erasures/")) == (409, "erasure_confirmed")
    # Not before it is due.
    tasks.sweep()
    tasks.erase(path.split("/")[-2])
    assert driver.person.get(path).json()["state"] == "waiting"
    for _ in range(2):
        assert driver.person.post(f"{path}withdraw/").json()["state"] == "withdrawn"
    driver.make_due()
    tasks.erase(path.split("/")[-2])
    assert driver.person.get("/api/v1/auth/me/").json()["name"] == driver.name
    assert code_of(driver.person.post(f"{path}confirm/", {"code": code})) == (409, "erasure_not_open")
    # By an administrator it takes the same two steps.
    again, code = driver.ask(by=admin)
    assert again != path
    assert admin.post(f"{again}confirm/", {"code": code}).json()["state"] == "waiting"
    driver.make_due()
    driver.erase(again, admin)
    assert code_of(admin.post(f"{again}withdraw/")) == (409, "erasure_begun")


def test_an_erasure_that_nobody_confirms_lapses(driver: Driver) -> None:
    driver.deliver(60)
    path, code = driver.ask()
    driver.sql(
        "UPDATE erasures SET created_at = now() - interval '25 hours' WHERE subject_id = %s", driver.person.id
    )
    assert code_of(driver.person.post(f"{path}confirm/", {"code": code})) == (409, "confirmation_expired")
    tasks.sweep()
    assert driver.person.get(path).json()["state"] == "lapsed"


def test_not_while_an_order_is_under_way(driver: Driver, admin: Person) -> None:
    assert code_of(driver.person.post(f"{PRIVACY}/erasures/")) == (409, "order_under_way")
    driver.sql("UPDATE orders SET status = 'DELIVERED' WHERE id = %s", driver.order.id)
    path, code = driver.ask()
    driver.sql("UPDATE orders SET status = 'IN_TRANSIT' WHERE id = %s", driver.order.id)
    assert code_of(driver.person.post(f"{path}confirm/", {"code": code})) == (409, "order_under_way")
    driver.sql("UPDATE orders SET status = 'DELIVERED' WHERE id = %s", driver.order.id)
    driver.person.post(f"{path}confirm/", {"code": code})
    driver.sql("UPDATE orders SET status = 'IN_TRANSIT' WHERE id = %s", driver.order.id)
    driver.make_due()
    tasks.erase(path.split("/")[-2])
    shown = driver.person.get(path).json()
    assert (shown["state"], shown["held_by"]) == ("waiting", "order_under_way")
    # He still drives: nothing was taken from him.
    vehicle = driver.sql("SELECT driver_id FROM vehicles WHERE id = %s", driver.order.vehicle_id)
    assert vehicle == [(driver.person.id,)]
    driver.sql("UPDATE orders SET status = 'DELIVERED' WHERE id = %s", driver.order.id)
    assert driver.erase(path, admin)["held_by"] is None


def test_nobody_erases_anybody_else(client: httpx.Client, driver: Driver) -> None:
    driver.deliver(60)
    path, code = driver.ask()
    his = {"subject_id": str(driver.person.id)}
    for other in (driver.order.carrier, driver.order.shipper, person(client, Role.DRIVER)):
        assert code_of(other.post(f"{PRIVACY}/erasures/", his)) == (403, "role_not_allowed")
        for answer in (
            other.get(path),
            other.post(f"{path}confirm/", {"code": code}),
            other.post(f"{path}withdraw/"),
        ):
            assert code_of(answer) == (404, "erasure_not_found")
        assert other.get(f"{PRIVACY}/erasures/").json()["items"] == []
    assert len(driver.person.get(f"{PRIVACY}/erasures/").json()["items"]) == 1


@pytest.mark.parametrize("after", range(1, 6))
def test_a_task_killed_in_any_step_goes_on(driver: Driver, admin: Person, after: int) -> None:
    driver.drive(*range(10, 15))
    driver.deliver(60)
    path = driver.confirmed()
    driver.make_due()
    key = UUID(path.split("/")[-2])
    with raising(after=after):
        for _ in range(10):
            try:
                with transaction() as session:
                    progress = erasing.step(session, key, clock.now())
            except KeyboardInterrupt:
                break
            if progress is Progress.WAIT:
                ingest_erases(driver.database_url)
    shown = driver.erase(path, admin)
    assert driver.traces() == {}
    assert shown["counts"]["pings"] == 5
    assert shown["counts"]["phones"] == 1


def test_two_tasks_at_once_erase_once(driver: Driver, admin: Person) -> None:
    driver.drive(*range(10, 15))
    driver.deliver(60)
    path = driver.confirmed()
    driver.make_due()
    key = path.split("/")[-2]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tasks.erase, [key] * 8))
        ingest_erases(driver.database_url)
        list(pool.map(tasks.erase, [key] * 8))
    shown = driver.erase(path, admin)
    assert shown["counts"]["phones"] == 1
    rows = driver.sql(
        "SELECT count(*) FROM access_log WHERE subject_id = %s AND action = 'erasure_done'", driver.person.id
    )
    assert rows == [(1,)]


@pytest.mark.parametrize("_round", range(6))
def test_an_order_given_at_that_very_moment_is_seen_or_not_given(
    driver: Driver, admin: Person, _round: int
) -> None:
    driver.deliver(60)
    path = driver.confirmed()
    driver.make_due()
    order = driver.world.posted()
    bid = driver.order.carrier.post(
        f"{order}bids/",
        {"vehicle_id": driver.order.vehicle_id, "amount_xof": 1000}
        | ({"driver_id": str(driver.person.id)} if _round % 2 else {}),
    ).json()["id"]
    met = threading.Barrier(2)

    def accept() -> int:
        met.wait()
        return driver.world.shipper.post(f"{order}accept-bid/", {"bid_id": bid}).status_code

    def erase() -> None:
        met.wait()
        tasks.erase(path.split("/")[-2])

    with ThreadPoolExecutor(2) as pool:
        accepted, done = pool.submit(accept), pool.submit(erase)
        done.result()
        status = accepted.result()
    state = admin.get(path).json()["state"]
    assert (status, state) in {(200, "waiting"), (409, "running")}


def test_an_order_that_is_being_given_to_him_is_waited_for(driver: Driver, admin: Person) -> None:
    """By name: the vehicle of the bid is nobody's, so nothing but he himself is held."""
    driver.deliver(60)
    path = driver.confirmed()
    driver.make_due()
    driver.sql("UPDATE vehicles SET driver_id = NULL WHERE id = %s", driver.order.vehicle_id)
    order = driver.world.posted()
    body = {
        "vehicle_id": driver.order.vehicle_id,
        "amount_xof": 1000,
        "driver_id": str(driver.person.id),
    }
    bid = UUID(driver.order.carrier.post(f"{order}bids/", body).json()["id"])
    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            order_id = UUID(order.split("/")[-2])
            bids.accept_bid(session, actor_of(driver.world.shipper), order_id, bid, clock.now())
            session.flush()
            erased = pool.submit(tasks.erase, path.split("/")[-2])
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            wait_until(lambda: driver.sql(waits)[0][0] or erased.done(), what="the erasure to wait")
            assert not erased.done()
        erased.result(20)
    shown = admin.get(path).json()
    assert (shown["state"], shown["held_by"]) == ("waiting", "order_under_way")


# Access log --------------------------------------------------------------------


def test_who_looked_at_his_positions_is_noted(driver: Driver, admin: Person) -> None:
    tracking = f"/api/v1/tracking/orders/{driver.order.id}"
    with clock_stands():  # in one hour, which has one row
        for _ in range(3):
            assert driver.order.shipper.get(f"{tracking}/pings/").status_code == 200
    assert admin.get(f"{tracking}/route/").status_code == 200
    assert driver.person.get(f"{tracking}/pings/").status_code == 200
    items = driver.person.get(f"{PRIVACY}/access-log/").json()["items"]
    assert [(i["action"], i["actor_role"], i["times"]) for i in items] == [
        ("route_read", "administrator", 1),
        ("pings_read", "shipper", 3),
    ]
    assert {i["order_id"] for i in items} == {str(driver.order.id)}
    # A reader sees what concerns himself, which is nothing; an administrator all of it.
    assert driver.order.shipper.get(f"{PRIVACY}/access-log/").json()["items"] == []
    assert len(admin.get(f"{PRIVACY}/access-log/").json()["items"]) >= 2
    exported(driver, by=admin)
    actions = [i["action"] for i in driver.person.get(f"{PRIVACY}/access-log/").json()["items"]]
    assert actions[:2] == ["export_downloaded", "export_asked"]
    driver.sql("UPDATE access_log SET at = now() - interval '4 years' WHERE action = 'route_read'")
    tasks.sweep()
    assert "route_read" not in {
        i["action"] for i in driver.person.get(f"{PRIVACY}/access-log/").json()["items"]
    }


@pytest.mark.usefixtures("standing_clock")
def test_many_readers_at_once_are_each_noted(driver: Driver) -> None:
    path = f"/api/v1/tracking/orders/{driver.order.id}/pings/"
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: driver.order.shipper.get(path).status_code, range(24)))
    assert set(statuses) == {200}
    items = driver.person.get(f"{PRIVACY}/access-log/").json()["items"]
    assert [i["times"] for i in items] == [24]


def test_the_phone_is_named_until_emqx_has_heard_of_it(
    driver: Driver, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.deliver(60)
    path = driver.confirmed()
    driver.make_due()
    key = UUID(path.split("/")[-2])
    with_emqx = get_settings().model_copy(update={"emqx_api": "https://emqx.example"})
    monkeypatch.setattr(erasing, "get_settings", lambda: with_emqx)

    def go_on() -> Progress:
        with transaction() as session:
            progress = erasing.step(session, key, clock.now())
        ingest_erases(driver.database_url)
        return progress

    assert go_on() is Progress.MORE
    assert [go_on() for _ in range(3)] == [Progress.WAIT] * 3
    assert driver.sql("SELECT 1 FROM mqtt_revocations WHERE client_id = %s", driver.uid)
    driver.sql("DELETE FROM mqtt_revocations")  # of everybody, as `fleet.end_revoked` does
    assert driver.erase(path, admin)["state"] == "done"
    assert driver.traces() == {}
