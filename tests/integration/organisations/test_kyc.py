"""Papers: sent, claimed, decided, replaced, expired; who reads them, and what follows from them."""

import io
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import Client, Response
from PIL import Image
from sqlalchemy import select, update

from config import clock
from config.database import transaction
from config.settings import get_settings
from platform_api.actor import MemberRole, Role
from platform_api.kyc import service
from platform_api.kyc.models import KycDocument
from platform_api.privacy.models import AccessEntry
from tests.integration.orders.world import ORDER, World
from tests.support.api import Person, code_of, person
from tests.support.people import actor, colleague
from tests.support.queries import count_queries
from tests.support.races import race

KYC = "/api/v1/kyc"
ROUNDS = 100
NUMBERS = {
    "identity_card": "1 755 1985 00123",
    "passport": "a 00123456",
    "ninea": "005144788 2G3",
    "rccm": "SN DKR 2015 B 1234",
    "transport_approval": "agr 2024/118",
}


def upload(someone: Person, colour: str = "white") -> str:
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(picture, "PNG")
    answer = someone.client.post(
        "/api/v1/files/",
        content=picture.getvalue(),
        headers=someone.headers | {"Content-Type": "application/octet-stream"},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def in_days(days: int) -> str:
    return (clock.now().date() + timedelta(days=days)).isoformat()


def send(someone: Person, kind: str = "identity_card", **changes: Any) -> Response:
    body: dict[str, Any] = {"kind": kind, "number": NUMBERS.get(kind, "AB 12345"), "expires_on": in_days(400)}
    body |= changes
    if "file_ids" not in body:
        body["file_ids"] = [upload(someone)]
    return someone.post(f"{KYC}/documents/", body)


def sent(someone: Person, kind: str = "identity_card", **changes: Any) -> str:
    answer = send(someone, kind, **changes)
    assert answer.status_code == 201, answer.text
    return f"{KYC}/documents/{answer.json()['id']}/"


def approve(reviewer: Person, path: str) -> None:
    assert reviewer.post(f"{path}claim/").status_code == 200
    answer = reviewer.post(f"{path}approve/")
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def reviewer(client: Client) -> Person:
    return person(client, Role.ADMINISTRATOR)


@pytest.fixture
def owner(client: Client) -> Person:
    return person(client, Role.CARRIER)


# Sending -----------------------------------------------------------------------


def test_a_document_is_sent_with_its_pages(owner: Person) -> None:
    front, back = upload(owner, "red"), upload(owner, "blue")
    answer = send(owner, file_ids=[front, back, front])
    document = answer.json()
    assert (document["state"], document["number"], document["pages"]) == ("submitted", "1755198500123", 2)
    assert [event["action"] for event in document["history"]] == ["submitted"]
    path = f"{KYC}/documents/{document['id']}/"
    page = owner.get(f"{path}pages/1/")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "image/png")
    assert page.content != owner.get(f"{path}pages/2/").content
    assert code_of(owner.get(f"{path}pages/3/")) == (404, "page_not_found")
    assert [item["id"] for item in owner.get(f"{KYC}/documents/").json()["items"]] == [document["id"]]


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        ("identity_card", {"number": "12"}, (422, "invalid_document_number")),
        ("passport", {"number": "??"}, (422, "invalid_document_number")),
        ("ninea", {"number": "12"}, (422, "invalid_ninea")),
        ("rccm", {"number": "12"}, (422, "invalid_rccm")),
        ("identity_card", {"expires_on": None}, (422, "expiry_missing")),
        ("identity_card", {"expires_on": "2020-01-01"}, (422, "document_expired")),
        ("identity_card", {"expires_on": "2150-01-01"}, (422, "invalid_document_expiry")),
        ("identity_card", {"file_ids": []}, (422, "invalid_body")),
        ("identity_card", {"file_ids": [str(uuid4())] * 5}, (422, "invalid_body")),
        ("identity_card", {"file_ids": [str(uuid4())]}, (404, "file_not_found")),
        ("diploma", {}, (422, "invalid_body")),
    ],
)
def test_what_is_not_taken(
    owner: Person, kind: str, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert code_of(send(owner, kind, **changes)) == expected
    assert owner.get(f"{KYC}/documents/").json()["items"] == []


def test_who_sends_what(client: Client, owner: Person) -> None:
    driver, shipper = person(client, Role.DRIVER), person(client, Role.SHIPPER)
    assert code_of(send(driver, "ninea", expires_on=None)) == (409, "document_not_needed")
    assert code_of(send(shipper, "transport_approval")) == (409, "document_not_needed")
    assert send(driver).status_code == 201
    administrator = person(client, Role.ADMINISTRATOR)
    assert code_of(send(administrator)) == (403, "role_not_allowed")
    member, manager = colleague(owner), colleague(owner, MemberRole.MANAGER)
    assert code_of(send(member)) == (403, "managers_only")
    assert send(manager, "ninea", expires_on=None).status_code == 201
    # A stranger's file is not found.
    assert code_of(send(shipper, file_ids=[upload(owner)])) == (404, "file_not_found")


def test_sent_again_it_replaces_what_waits(owner: Person, reviewer: Person) -> None:
    first = sent(owner)
    reviewer.post(f"{first}claim/")
    second = sent(owner, number="1755198500999")
    assert owner.get(first).json()["state"] == "replaced"
    assert code_of(reviewer.post(f"{first}approve/")) == (409, "document_decided")
    assert code_of(reviewer.post(f"{first}claim/")) == (409, "document_decided")
    assert owner.get(second).json()["state"] == "submitted"


# Review --------------------------------------------------------------------------


def test_a_reviewer_takes_it_in_hand_and_decides(owner: Person, reviewer: Person) -> None:
    path = sent(owner)
    assert code_of(reviewer.post(f"{path}approve/")) == (409, "document_not_claimed")
    claimed = reviewer.post(f"{path}claim/").json()
    assert (claimed["claimed_by"], claimed["number"]) == (str(reviewer.id), "1755198500123")
    other = person(owner.client, Role.ADMINISTRATOR)
    assert code_of(other.post(f"{path}claim/")) == (409, "document_claimed")
    assert code_of(other.post(f"{path}reject/", {"reason": "no"})) == (409, "document_not_claimed")
    assert code_of(reviewer.post(f"{path}reject/", {"reason": " "})) == (422, "invalid_body")
    rejected = reviewer.post(f"{path}reject/", {"reason": "La photo est floue."}).json()
    assert (rejected["state"], rejected["claimed_by"]) == ("rejected", None)
    shown = owner.get(path).json()
    assert shown["reason"] == "La photo est floue."
    assert [event["action"] for event in shown["history"]] == ["submitted", "claimed", "rejected"]
    assert code_of(reviewer.post(f"{path}approve/")) == (409, "document_decided")
    (alert,) = owner.get("/api/v1/alerts/", params={"kind": "paper_rejected"}).json()["items"]
    assert "1755198500123" not in str(alert)
    # Sent again and approved.
    approve(reviewer, sent(owner))
    assert len(owner.get("/api/v1/alerts/", params={"kind": "paper_approved"}).json()["items"]) == 1


def test_a_claim_is_given_back_or_lapses(owner: Person, reviewer: Person) -> None:
    path, other = sent(owner), person(owner.client, Role.ADMINISTRATOR)
    reviewer.post(f"{path}claim/")
    assert other.post(f"{path}release/").json()["claimed_by"] == str(reviewer.id)
    assert reviewer.post(f"{path}release/").json()["claimed_by"] is None
    assert other.post(f"{path}claim/").status_code == 200
    with transaction() as session:
        session.execute(
            update(KycDocument)
            .where(KycDocument.id == path.split("/")[-2])
            .values(claimed_until=clock.now() - timedelta(seconds=1))
        )
    assert reviewer.post(f"{path}claim/").status_code == 200
    assert code_of(other.post(f"{path}approve/")) == (409, "document_not_claimed")


def test_the_queue_is_the_reviewers_and_oldest_first(client: Client, reviewer: Person) -> None:
    owners = [person(client, Role.SHIPPER) for _ in range(3)]
    paths = [sent(owner) for owner in owners]
    keys = [path.split("/")[-2] for path in paths]
    other = person(client, Role.ADMINISTRATOR)
    other.post(f"{paths[1]}claim/")

    def waiting(**params: Any) -> list[str]:
        found: list[str] = []
        cursor = None
        while True:
            query = {"limit": 2} | params | ({"cursor": cursor} if cursor else {})
            page = reviewer.get(f"{KYC}/queue/", params=query).json()
            found += [item["id"] for item in page["items"] if item["id"] in keys]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    assert waiting() == keys
    assert waiting(free=True) == [keys[0], keys[2]]
    approve(reviewer, paths[0])
    assert waiting() == keys[1:]
    assert "number" not in reviewer.get(f"{KYC}/queue/").json()["items"][0]
    assert code_of(owners[0].get(f"{KYC}/queue/")) == (403, "role_not_allowed")


def test_lists_ask_a_fixed_number_of_questions(client: Client, reviewer: Person) -> None:
    owner = person(client, Role.CARRIER)

    def questions() -> list[int]:
        counts = []
        for someone, path in ((owner, f"{KYC}/documents/"), (reviewer, f"{KYC}/queue/?limit=200")):
            with count_queries() as seen:
                assert someone.get(path).json()["items"]
            counts.append(len(seen))
        return counts

    sent(owner)
    few = questions()
    for kind in ("ninea", "rccm", "passport", "transport_approval"):
        sent(owner, kind)
    assert questions() == few


# Who reads ------------------------------------------------------------------------


def test_only_the_party_and_administrators_read_and_these_are_noted(
    client: Client, owner: Person, reviewer: Person
) -> None:
    path = sent(owner)
    manager, member = colleague(owner, MemberRole.MANAGER), colleague(owner)
    assert manager.get(path).status_code == 200
    for reads in (path, f"{path}pages/1/", f"{KYC}/documents/"):
        assert code_of(member.get(reads)) == (403, "managers_only"), reads
    for role in (Role.SHIPPER, Role.CARRIER, Role.DRIVER, Role.BROKER):
        stranger = person(client, role)
        assert code_of(stranger.get(path)) == (404, "document_not_found")
        assert code_of(stranger.get(f"{path}pages/1/")) == (404, "document_not_found")
        assert stranger.get(f"{KYC}/documents/").json()["items"] == []
        for call in ("claim", "release", "approve"):
            assert code_of(stranger.post(f"{path}{call}/")) == (403, "role_not_allowed")
        for what in ("status", "documents"):
            answer = stranger.get(f"{KYC}/parties/{owner.id}/{what}/")
            assert code_of(answer) == (403, "role_not_allowed")
    assert noted(owner) == []
    reviewer.get(path)
    reviewer.get(f"{path}pages/1/")
    reviewer.get(f"{KYC}/parties/{owner.id}/documents/")
    reviewer.post(f"{path}claim/")
    assert noted(owner) == [reviewer.id] * 4
    # The owner sees who read his papers.
    entries = owner.get("/api/v1/privacy/access-log/").json()["items"]
    assert {entry["action"] for entry in entries} == {"papers_read"}
    assert code_of(reviewer.get(f"{KYC}/parties/{uuid4()}/documents/")) == (404, "party_not_found")
    assert code_of(reviewer.get(f"{KYC}/documents/{uuid4()}/")) == (404, "document_not_found")


def noted(owner: Person) -> list[UUID | None]:
    with transaction() as session:
        statement = select(AccessEntry.actor_id).where(
            AccessEntry.subject_id == owner.id, AccessEntry.action == "papers_read"
        )
        return list(session.scalars(statement))


def test_nobody_decides_on_his_own(client: Client) -> None:
    both = person(client, Role.CARRIER, is_superuser=True)
    path = sent(both)
    for call, body in (("claim", None), ("approve", None), ("reject", {"reason": "x"})):
        assert code_of(both.post(f"{path}{call}/", body)) == (403, "own_document")


# What follows ---------------------------------------------------------------------


def status(someone: Person) -> tuple[bool, list[list[str]]]:
    body = someone.get(f"{KYC}/status/").json()
    return body["verified"], body["missing"]


def test_a_business_is_verified_by_what_its_kind_needs(owner: Person, reviewer: Person) -> None:
    identity = ["identity_card", "passport"]
    assert status(owner) == (False, [identity, ["ninea"], ["transport_approval"]])
    approve(reviewer, sent(owner, "passport"))
    approve(reviewer, sent(owner, "ninea", expires_on=None))
    approval = sent(owner, "transport_approval", expires_on=None)
    assert status(owner) == (False, [["transport_approval"]])
    approve(reviewer, approval)
    assert status(owner) == (True, [])
    assert owner.get("/api/v1/auth/me/").json()["verified"] is True
    assert colleague(owner).get(f"{KYC}/status/").json()["verified"] is True
    assert owner.get(f"/api/v1/profiles/{owner.id}/").json()["verified"] is True
    assert reviewer.get(f"{KYC}/parties/{owner.id}/status/").json()["verified"] is True
    # A newer one that waits, or is refused, takes nothing away.
    newer = sent(owner, "passport", number="B0099887")
    assert status(owner)[0] is True
    reviewer.post(f"{newer}claim/")
    reviewer.post(f"{newer}reject/", {"reason": "illegible"})
    assert status(owner)[0] is True
    approve(reviewer, sent(owner, "passport", number="B0099887"))
    states = [item["state"] for item in owner.get(f"{KYC}/documents/").json()["items"]]
    assert sorted(states) == ["approved"] * 3 + ["rejected", "replaced"]


def test_what_has_expired_proves_nothing(client: Client, reviewer: Person, standing_clock: datetime) -> None:
    shipper = person(client, Role.SHIPPER)
    path = sent(shipper, expires_on=in_days(3))
    approve(reviewer, path)
    with transaction() as session:
        for days, expected in ((3, {shipper.id}), (4, set())):
            at = standing_clock + timedelta(days=days)
            assert service.verified_of(session, [shipper.id], at) == expected
    late = sent(shipper, "passport", expires_on=in_days(2))
    reviewer.post(f"{late}claim/")
    with transaction() as session:
        yesterday = standing_clock.date() - timedelta(days=1)
        session.execute(
            update(KycDocument).where(KycDocument.id == late.split("/")[-2]).values(expires_on=yesterday)
        )
    assert code_of(reviewer.post(f"{late}approve/")) == (422, "document_expired")


def test_its_party_is_told_once_before_it_expires(
    client: Client, reviewer: Person, standing_clock: datetime
) -> None:
    shipper = person(client, Role.SHIPPER)
    approve(reviewer, sent(shipper, expires_on=in_days(20)))
    for _ in range(2):
        with transaction() as session:
            service.remind(session, standing_clock)
    path = "/api/v1/alerts/"
    (alert,) = shipper.get(path, params={"kind": "paper_expires"}).json()["items"]
    assert in_days(20) in alert["detail"]


@pytest.fixture
def required(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = get_settings().model_copy(update={"kyc_required": True})
    monkeypatch.setattr(service, "get_settings", lambda: settings)


def test_where_it_is_asked_for_the_unverified_neither_post_nor_bid(
    client: Client, database_url: str, reviewer: Person, required: None
) -> None:
    world = World(client, database_url)
    draft = world.shipper.post("/api/v1/orders/", ORDER).json()["id"]
    path = f"/api/v1/orders/{draft}/"
    assert code_of(world.shipper.post(f"{path}post/")) == (403, "not_verified")
    approve(reviewer, sent(world.shipper))
    assert world.shipper.post(f"{path}post/").status_code == 200
    body = {"vehicle_id": world.vehicle_id, "amount_xof": 100_000}
    assert code_of(world.carrier.post(f"{path}bids/", body)) == (403, "not_verified")
    for kind in ("identity_card", "ninea", "transport_approval"):
        approve(reviewer, sent(world.carrier, kind))
    placed = world.carrier.post(f"{path}bids/", body)
    assert placed.status_code == 201
    # and what has run out since gives nothing any more
    accept = {"bid_id": placed.json()["id"]}
    world.sql("UPDATE kyc_documents SET expires_on = current_date - 1 WHERE party_id = %s", world.carrier.id)
    refused = world.shipper.post(f"{path}accept-bid/", accept)
    assert code_of(refused) == (409, "carrier_not_verified")
    counter = {"amount_xof": 90_000}
    assert world.shipper.post(f"{path}bids/{accept['bid_id']}/counter/", counter).status_code == 201
    answer = world.carrier.post(f"{path}bids/{accept['bid_id']}/counter/accept/", counter)
    assert code_of(answer) == (409, "carrier_not_verified")
    world.sql("UPDATE kyc_documents SET expires_on = current_date + 1 WHERE party_id = %s", world.carrier.id)
    assert code_of(world.shipper.post(f"{path}accept-bid/", accept)) == (200, "")


def test_nor_do_they_deal_by_direct_offers(
    client: Client, database_url: str, reviewer: Person, required: None
) -> None:
    world = World(client, database_url)
    path = f"/api/v1/orders/{world.shipper.post('/api/v1/orders/', ORDER).json()['id']}/"
    offer = {"carrier_id": str(world.carrier.id), "amount_xof": 100_000}
    assert code_of(world.shipper.post(f"{path}offers/", offer)) == (403, "not_verified")
    approve(reviewer, sent(world.shipper))
    made = world.shipper.post(f"{path}offers/", offer)
    assert made.status_code == 201, made.text
    accept = f"{path}offers/{made.json()['id']}/accept/"
    answer = world.carrier.post(accept, {"vehicle_id": world.vehicle_id})
    assert code_of(answer) == (403, "not_verified")
    for kind in ("identity_card", "ninea", "transport_approval"):
        approve(reviewer, sent(world.carrier, kind))
    answer = world.carrier.post(accept, {"vehicle_id": world.vehicle_id})
    assert answer.status_code == 200, answer.text


def test_where_it_is_not_it_costs_nothing(client: Client, database_url: str) -> None:
    world = World(client, database_url)
    with transaction() as session, count_queries() as seen:
        service.check_verified(session, world.shipper.id, clock.now())
    assert seen == []


# Two at once ------------------------------------------------------------------------


def _submitted(owner: Person) -> UUID:
    with transaction() as session:
        row = KycDocument(
            party_id=owner.id,
            kind="identity_card",
            number="1755198500123",
            expires_on=clock.now().date() + timedelta(days=90),
            submitted_by=owner.id,
            submitted_at=clock.now(),
        )
        session.add(row)
        session.flush()
        return row.id


def test_of_two_reviewers_one_gets_it_and_of_two_decisions_one_counts(client: Client) -> None:
    first, second = (person(client, Role.ADMINISTRATOR) for _ in range(2))
    for _ in range(ROUNDS):
        key = _submitted(person(client, Role.SHIPPER))
        outcome = race(
            lambda s, now, key=key: service.claim(s, actor(first), key, now),
            lambda s, now, key=key: service.claim(s, actor(second), key, now),
        )
        assert sorted(outcome) == ["document_claimed", "ok"]
        winner = first if outcome[0] == "ok" else second
        decided = race(
            lambda s, now, key=key, w=winner: service.approve(s, actor(w), key, now),
            lambda s, now, key=key, w=winner: service.reject(s, actor(w), key, reason="no", now=now),
        )
        assert sorted(decided) == ["document_decided", "ok"]


def test_a_decision_against_a_newer_document(client: Client) -> None:
    reviewer, owner = person(client, Role.ADMINISTRATOR), person(client, Role.SHIPPER)
    file_id = UUID(upload(owner))
    for _ in range(ROUNDS):
        with transaction() as session:
            session.execute(
                update(KycDocument).where(KycDocument.party_id == owner.id).values(state="replaced")
            )
        key = _submitted(owner)
        with transaction() as session:
            service.claim(session, actor(reviewer), key, clock.now())
        outcome = race(
            lambda s, now, key=key: service.approve(s, actor(reviewer), key, now),
            lambda s, now: _submit_another(s, owner, file_id, now),
        )
        assert outcome in (["ok", "ok"], ["document_decided", "ok"])


def _submit_another(session: Any, owner: Person, file_id: UUID, now: Any) -> None:
    service.submit(
        session,
        actor(owner),
        kind=service.Kind.IDENTITY_CARD,
        number="1755198500999",
        expires_on=now.date() + timedelta(days=90),
        file_ids=[file_id],
        now=now,
    )


def test_two_sent_at_once_leave_one_waiting(client: Client) -> None:
    for _ in range(ROUNDS):
        owner = person(client, Role.SHIPPER)
        file_id = UUID(upload(owner))
        outcome = race(
            lambda s, now, o=owner, f=file_id: _submit_another(s, o, f, now),
            lambda s, now, o=owner, f=file_id: _submit_another(s, o, f, now),
        )
        assert sorted(outcome) in (["document_submitted", "ok"], ["ok", "ok"])
        with transaction() as session:
            states = session.scalars(select(KycDocument.state).where(KycDocument.party_id == owner.id)).all()
        assert states.count("submitted") == 1
