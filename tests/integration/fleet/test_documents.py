"""Documents of vehicles and drivers: handed in, replaced, seen by those they concern, told before they expire."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from config import clock
from config.database import transaction
from platform_api.fleet_documents import licences, reminders, service
from platform_api.fleet_documents.service import Upload
from tests.integration.fleet.world import FLEET, FleetWorld, actor_of, hand_in, in_days, upload_file
from tests.support.api import Person, code_of
from tests.support.queries import count_queries
from tests.support.races import race

DOCUMENTS = f"{FLEET}/documents/"
ROUNDS = 100


def document(someone: Person, kind: str, **body: Any) -> dict[str, Any]:
    answer = hand_in(someone, kind, **body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def listed(someone: Person, **params: Any) -> list[str]:
    answer = someone.get(DOCUMENTS, params=params)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def told(world: FleetWorld, party: Person) -> list[str]:
    rows = world.sql("SELECT kind FROM alerts WHERE party_id = %s ORDER BY id", party.id)
    return [row["kind"] for row in rows]


def remind(at: datetime) -> int:
    with transaction() as session:
        return reminders.remind(session, at)


def test_kinds_are_rows_in_two_languages_that_administrators_edit(world: FleetWorld) -> None:
    kinds = {item["code"]: item for item in world.driver.get(f"{FLEET}/document-kinds/").json()["items"]}
    assert list(kinds) == [
        "CARTE_GRISE", "ASSURANCE", "VISITE_TECHNIQUE", "LICENCE_TRANSPORT", "CARTE_BRUNE", "PERMIS", "CNI",
        "PASSEPORT",
    ]  # fmt: skip
    assert kinds["VISITE_TECHNIQUE"]["name_en"] == "Technical inspection"
    path = f"{FLEET}/document-kinds/CARTE_BRUNE/"
    assert code_of(world.carrier.patch(path, {"required": True})) == (403, "role_not_allowed")
    assert world.administrator.patch(path, {"required": True}).json()["required"] is True
    assert world.administrator.patch(path, {"required": False}).json()["required"] is False
    missing = world.administrator.patch(f"{FLEET}/document-kinds/UFO/", {"required": True})
    assert code_of(missing) == (404, "fleet_document_kind_not_found")


def test_a_newer_document_replaces_the_current_one_and_the_old_one_is_history(world: FleetWorld) -> None:
    old = document(
        world.carrier, "ASSURANCE", vehicle_id=world.vehicle_id, expires_on=in_days(10), number="A1"
    )
    assert (old["state"], old["ended_at"]) == ("expiring", None)
    new = document(world.carrier, "ASSURANCE", vehicle_id=world.vehicle_id, expires_on=in_days(365))
    assert new["state"] == "valid"
    assert listed(world.carrier, vehicle_id=world.vehicle_id) == [new["id"]]
    assert listed(world.carrier, vehicle_id=world.vehicle_id, history=True) == [new["id"], old["id"]]
    replaced = world.carrier.get(f"{DOCUMENTS}{old['id']}/").json()
    assert (replaced["replaced_by"], replaced["ended_at"] is None) == (new["id"], False)


def test_taken_back_it_is_history_only(world: FleetWorld) -> None:
    made = document(world.carrier, "CARTE_GRISE", vehicle_id=world.vehicle_id)
    path = f"{DOCUMENTS}{made['id']}/"
    assert code_of(world.other_carrier.delete(path)) == (404, "fleet_document_not_found")
    for _ in range(2):
        assert code_of(world.carrier.delete(path)) == (204, "")
    assert listed(world.carrier, vehicle_id=world.vehicle_id) == []
    assert listed(world.carrier, vehicle_id=world.vehicle_id, history=True) == [made["id"]]


def test_who_sees_what(world: FleetWorld) -> None:
    of_truck = document(world.carrier, "CARTE_GRISE", vehicle_id=world.vehicle_id)["id"]
    of_driver = document(
        world.driver,
        "PERMIS",
        driver_id=str(world.driver.id),
        expires_on=in_days(99),
        licence_classes=["CE", "C"],
    )
    assert of_driver["licence_classes"] == ["C", "CE"]
    for someone in (world.carrier, world.driver):
        assert set(listed(someone)) == {of_truck, of_driver["id"]}
        content = someone.get(f"{DOCUMENTS}{of_driver['id']}/content/")
        assert (content.status_code, content.content[:5]) == (200, b"%PDF-")
    assert {of_truck, of_driver["id"]} <= set(listed(world.administrator))
    assert listed(world.other_carrier) == []
    for path in (f"{DOCUMENTS}{of_truck}/", f"{DOCUMENTS}{of_driver['id']}/content/"):
        assert code_of(world.other_carrier.get(path)) == (404, "fleet_document_not_found")
        assert code_of(world.shipper.get(path)) == (403, "role_not_allowed")


def test_what_is_refused(world: FleetWorld) -> None:
    truck, driver = {"vehicle_id": world.vehicle_id}, {"driver_id": str(world.driver.id)}
    carrier, later = world.carrier, in_days(50)
    tries = {
        hand_in(carrier, "UFO", **truck): (404, "fleet_document_kind_not_found"),
        hand_in(carrier, "ASSURANCE", **truck): (422, "fleet_document_expiry_missing"),
        hand_in(carrier, "ASSURANCE", **truck, expires_on=in_days(-1)): (422, "fleet_document_already_expired"),
        hand_in(carrier, "PERMIS", **truck, expires_on=later): (409, "fleet_document_kind_of_other_subject"),
        hand_in(carrier, "ASSURANCE", **truck, **driver, expires_on=later): (422, "invalid_body"),
        hand_in(carrier, "ASSURANCE", expires_on=later): (422, "invalid_body"),
        hand_in(carrier, "CNI", **driver, expires_on=later, licence_classes=["C"]): (422, "licence_classes_misplaced"),
        hand_in(world.other_carrier, "ASSURANCE", **truck, expires_on=later): (404, "vehicle_not_found"),
        hand_in(world.other_carrier, "CNI", **driver, expires_on=later): (404, "driver_not_found"),
        hand_in(world.driver, "ASSURANCE", **truck, expires_on=later): (403, "role_not_allowed"),
        hand_in(world.driver, "CNI", driver_id=str(carrier.id), expires_on=later): (404, "driver_not_found"),
        hand_in(world.shipper, "CNI", **driver, expires_on=later): (403, "role_not_allowed"),
        hand_in(carrier, "CNI", **driver, expires_on=later, file_id=upload_file(world.shipper)): (404, "file_not_found"),
    }  # fmt: skip
    assert {answer.text: code_of(answer) for answer in tries} == {
        answer.text: expected for answer, expected in tries.items()
    }


@pytest.mark.usefixtures("standing_clock")
def test_documents_by_state(world: FleetWorld) -> None:
    made = {
        state: document(world.carrier, kind, vehicle_id=world.vehicle_id, expires_on=in_days(days))["id"]
        for state, kind, days in (("expired", "ASSURANCE", 1), ("expiring", "VISITE_TECHNIQUE", 30), ("valid", "CARTE_BRUNE", 31))
    }  # fmt: skip
    world.sql("UPDATE fleet_documents SET expires_on = %s WHERE id = %s", in_days(-1), UUID(made["expired"]))
    for state, document_id in made.items():
        assert listed(world.carrier, state=state) == [document_id]
        assert world.carrier.get(f"{DOCUMENTS}{document_id}/").json()["state"] == state


def test_a_list_costs_the_same_however_long_it_is(world: FleetWorld) -> None:
    def queries() -> int:
        with count_queries() as seen:
            listed(world.carrier, history=True)
        return len(seen)

    document(world.carrier, "CARTE_GRISE", vehicle_id=world.vehicle_id)
    few = queries()
    for _ in range(4):
        document(world.carrier, "CARTE_GRISE", vehicle_id=world.vehicle_id)
    assert len(listed(world.carrier, history=True)) == 5
    assert queries() == few


def test_each_reminder_is_told_once_and_a_newer_document_ends_it(
    world: FleetWorld, standing_clock: datetime
) -> None:
    document(world.carrier, "ASSURANCE", vehicle_id=world.vehicle_id, expires_on=in_days(40), number="AX-12")
    now = standing_clock
    after = {days: told(world, world.carrier) for days in (5, 10, 11, 33, 39, 40, 41, 42) if remind(now + timedelta(days=days)) >= 0}  # fmt: skip
    expiring = "fleet_document_expiring"
    assert {days: len(kinds) for days, kinds in after.items()} == {5: 0, 10: 1, 11: 1, 33: 2, 39: 3, 40: 3, 41: 4, 42: 4}  # fmt: skip
    assert after[42] == [expiring] * 3 + ["fleet_document_expired"]
    (text,) = world.sql("SELECT text FROM sms_messages WHERE phone = %s", world.carrier.phone)
    assert "Attestation d'assurance" in text["text"]
    document(world.carrier, "ASSURANCE", vehicle_id=world.vehicle_id, expires_on=in_days(400))
    open_ones = world.sql("SELECT 1 FROM alerts WHERE party_id = %s AND ended_at IS NULL", world.carrier.id)
    assert open_ones == []


def test_after_a_silence_only_the_most_urgent_is_told(world: FleetWorld) -> None:
    document(world.driver, "CNI", driver_id=str(world.driver.id), expires_on=in_days(20))
    assert remind(clock.now() + timedelta(days=30)) >= 1
    assert told(world, world.driver) == told(world, world.carrier) == ["fleet_document_expired"]
    assert len(world.sql("SELECT 1 FROM sms_messages WHERE phone = %s", world.carrier.phone)) == 1
    assert world.sql("SELECT 1 FROM sms_messages WHERE phone = %s", world.driver.phone) == []


def test_a_driver_may_hand_in_his_own_and_his_carrier_reads_it_while_he_drives_for_it(
    world: FleetWorld,
) -> None:
    made = document(world.driver, "CNI", driver_id=str(world.driver.id), expires_on=in_days(400))["id"]
    assert listed(world.carrier, driver_id=str(world.driver.id)) == [made]
    assert code_of(world.driver.delete(f"{FLEET}/drivers/{world.driver.id}/")) == (204, "")
    assert listed(world.carrier, driver_id=str(world.driver.id)) == []
    assert listed(world.driver) == [made]


def test_two_at_once_one_is_current_and_the_other_is_history(world: FleetWorld) -> None:
    actor, now = actor_of(world.carrier), clock.now()
    files = [UUID(upload_file(world.carrier)) for _ in range(2)]

    def hand(file_id: UUID) -> Any:
        wanted = Upload(
            "ASSURANCE", world.vehicle_id, None, "", None, now.date() + timedelta(days=90), (), file_id
        )
        return lambda session, at: service.upload(session, actor, wanted, now=at)

    for _ in range(ROUNDS):
        assert race(*map(hand, files)) == ["ok", "ok"]
    rows = world.sql(
        "SELECT count(*) AS all, count(*) FILTER (WHERE ended_at IS NULL) AS current,"
        " count(replaced_by) AS replaced FROM fleet_documents WHERE vehicle_id = %s",
        world.vehicle_id,
    )
    assert rows == [{"all": 2 * ROUNDS, "current": 1, "replaced": 2 * ROUNDS - 1}]


@pytest.mark.parametrize(("capacity_kg", "fits"), [(3_000, True), (20_000, False)])
def test_whether_the_licence_is_good_for_the_truck(world: FleetWorld, capacity_kg: int, fits: bool) -> None:
    document(
        world.driver, "PERMIS", driver_id=str(world.driver.id), expires_on=in_days(400), licence_classes=["B"]
    )
    vehicle_id = world.add_vehicle(capacity_kg=capacity_kg)
    with transaction() as session:
        vehicle = service.fleet.get_vehicle(session, actor_of(world.carrier), vehicle_id)
        assert (licences.warnings_for(session, vehicle, world.driver.id) == []) is fits
