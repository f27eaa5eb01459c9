"""Inviting, answering, revoking: who may, who sees what, and what does not fit."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import Client
from sqlalchemy import text, update

from config import clock
from config.database import transaction
from platform_api.accounts.models import User
from platform_api.actor import MemberRole, Role
from platform_api.fleet.models import Vehicle
from platform_api.organisations import rules, service
from platform_api.organisations.models import Invitation
from platform_api.sms import service as sms
from tests.integration.orders.world import ORDER
from tests.support.api import PASSWORD, Person, code_of, new_phone, person
from tests.support.people import colleague
from tests.support.queries import count_queries

ORGANISATIONS, INVITATIONS = "/api/v1/organisations", "/api/v1/invitations"


def invite(by: Person, phone: str, joins_as: str = "member") -> dict[str, Any]:
    answer = by.post(f"{ORGANISATIONS}/invitations/", {"phone": phone, "joins_as": joins_as})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def refused(by: Person, phone: str, joins_as: str = "member") -> tuple[int, str]:
    return code_of(by.post(f"{ORGANISATIONS}/invitations/", {"phone": phone, "joins_as": joins_as}))


def accept(by: Person, invitation: dict[str, Any]) -> tuple[int, str]:
    return code_of(by.post(f"{INVITATIONS}/{invitation['id']}/accept/"))


def test_somebody_joins_and_acts_for_the_business(client: Client) -> None:
    owner, joiner = person(client, Role.SHIPPER), person(client, Role.SHIPPER)
    draft = owner.post("/api/v1/orders/", ORDER).json()["id"]
    invitation = invite(owner, joiner.phone, "member")
    assert invitation["state"] == "open"
    assert invitation["organisation"] == {
        "owner_id": str(owner.id),
        "name": "Test shipper",
        "role": "shipper",
    }
    assert code_of(joiner.get(f"/api/v1/orders/{draft}/")) == (404, "order_not_found")
    assert [item["id"] for item in joiner.get(f"{INVITATIONS}/").json()["items"]] == [invitation["id"]]

    assert accept(joiner, invitation) == (200, "")

    assert joiner.get(f"/api/v1/orders/{draft}/").status_code == 200
    mine = joiner.get(f"{ORGANISATIONS}/mine/").json()
    assert (mine["owner_id"], mine["your_role"], mine["people"]) == (str(owner.id), "member", 2)
    (member,) = owner.get(f"{ORGANISATIONS}/members/").json()["items"]
    assert (member["user_id"], member["role"]) == (str(joiner.id), "member")
    assert joiner.get(f"{INVITATIONS}/").json()["items"] == []
    # For one answer.
    assert accept(joiner, invitation) == (409, "invitation_closed")
    assert owner.get(f"{ORGANISATIONS}/invitations/").json()["items"][0]["state"] == "accepted"


def test_who_is_invited_is_texted_and_no_link_comes_with_it(client: Client) -> None:
    owner, phone = person(client, Role.CARRIER), new_phone()
    with transaction() as session:
        session.execute(
            update(User).where(User.id == owner.id).values(name="Diop & Fils https://evil.example/x\u2028")
        )
    invite(owner, phone, "driver")
    with transaction() as session:
        (message,) = sms.latest(session, phone, limit=5)
    assert message.purpose == "invitation"
    assert message.text == (
        "MESS : Diop & Fils https evil example x vous invite à devenir son chauffeur."
        " Répondez dans l'application sous 7 jours."
    )


def test_who_registers_only_then_finds_his_invitation(client: Client) -> None:
    owner, phone = person(client, Role.CARRIER), new_phone()
    invitation = invite(owner, phone.removeprefix("+221"), "viewer")
    assert invitation["phone"] == phone
    joiner = person(client, Role.CARRIER)
    with transaction() as session:
        session.execute(update(User).where(User.id == joiner.id).values(phone=phone))
    assert accept(joiner, invitation) == (200, "")
    assert joiner.get(f"{ORGANISATIONS}/mine/").json()["your_role"] == "viewer"


def test_an_invitation_is_for_its_phone_alone(client: Client) -> None:
    owner, stranger = person(client, Role.SHIPPER), person(client, Role.SHIPPER)
    invitation = invite(owner, new_phone())
    for call in ("accept", "decline"):
        answer = stranger.post(f"{INVITATIONS}/{invitation['id']}/{call}/")
        assert code_of(answer) == (404, "invitation_not_found")
    assert stranger.get(f"{INVITATIONS}/").json()["items"] == []
    answer = stranger.post(f"{ORGANISATIONS}/invitations/{invitation['id']}/revoke/")
    assert code_of(answer) == (404, "invitation_not_found")
    assert stranger.get(f"{ORGANISATIONS}/invitations/").json()["items"] == []
    assert accept(stranger, {"id": uuid4()}) == (404, "invitation_not_found")


def test_it_is_declined_or_revoked_once(client: Client) -> None:
    owner, joiner = person(client, Role.BROKER), person(client, Role.BROKER)
    first = invite(owner, joiner.phone)
    assert refused(owner, joiner.phone, "viewer") == (409, "invitation_open")
    assert joiner.post(f"{INVITATIONS}/{first['id']}/decline/").json()["state"] == "declined"
    assert accept(joiner, first) == (409, "invitation_closed")
    revoke = f"{ORGANISATIONS}/invitations/{first['id']}/revoke/"
    assert code_of(owner.post(revoke)) == (409, "invitation_closed")
    second = invite(owner, joiner.phone)
    for _ in range(2):
        revoked = owner.post(f"{ORGANISATIONS}/invitations/{second['id']}/revoke/")
        assert revoked.json()["state"] == "revoked"
    assert accept(joiner, second) == (409, "invitation_closed")


def test_it_holds_for_seven_days(client: Client) -> None:
    owner, joiner = person(client, Role.SHIPPER), person(client, Role.SHIPPER)
    invitation = invite(owner, joiner.phone)
    assert _days(invitation) == 7
    with transaction() as session:
        past = clock.now() - timedelta(seconds=1)
        session.execute(update(Invitation).where(Invitation.id == invitation["id"]).values(expires_at=past))
    assert accept(joiner, invitation) == (409, "invitation_expired")
    assert joiner.get(f"{INVITATIONS}/").json()["items"] == []
    # It stands in nobody's way.
    again = invite(owner, joiner.phone)
    assert owner.get(f"{ORGANISATIONS}/invitations/").json()["items"][1]["state"] == "expired"
    assert accept(joiner, again) == (200, "")


def _days(invitation: dict[str, Any]) -> float:
    span = datetime.fromisoformat(invitation["expires_at"]) - datetime.fromisoformat(invitation["created_at"])
    return span / timedelta(days=1)


def test_the_sweep_ends_what_lapsed_and_drops_what_is_old(client: Client) -> None:
    owner = person(client, Role.SHIPPER)
    lapsed, fresh = invite(owner, new_phone()), invite(owner, new_phone())
    later = clock.now() + rules.INVITATION_VALID - timedelta(hours=1)
    with transaction() as session:
        session.execute(
            update(Invitation).where(Invitation.id == lapsed["id"]).values(expires_at=clock.now())
        )
    with transaction() as session:
        service.sweep(session, later)
    states = {i["id"]: i["state"] for i in owner.get(f"{ORGANISATIONS}/invitations/").json()["items"]}
    assert states == {lapsed["id"]: "expired", fresh["id"]: "open"}
    with transaction() as session:
        service.sweep(session, later + rules.INVITATION_KEPT + timedelta(seconds=1))
    assert [i["id"] for i in owner.get(f"{ORGANISATIONS}/invitations/").json()["items"]] == [fresh["id"]]


@pytest.mark.parametrize("role", [Role.DRIVER, Role.ADMINISTRATOR])
def test_who_has_no_business_has_no_organisation(client: Client, role: Role) -> None:
    caller = person(client, role)
    for path in ("mine/", "members/", "invitations/", f"members/{uuid4()}/"):
        assert code_of(caller.get(f"{ORGANISATIONS}/{path}")) == (403, "role_not_allowed"), path
    assert refused(caller, new_phone()) == (403, "role_not_allowed")
    assert code_of(caller.post(f"{ORGANISATIONS}/leave/")) == (403, "role_not_allowed")


def test_managers_invite_members_and_the_owner_managers(client: Client) -> None:
    owner = person(client, Role.CARRIER)
    manager, member = colleague(owner, MemberRole.MANAGER), colleague(owner)
    viewer = colleague(owner, MemberRole.VIEWER)
    assert refused(manager, new_phone(), "manager") == (403, "owner_only")
    assert refused(member, new_phone(), "viewer") == (403, "managers_only")
    assert refused(viewer, new_phone(), "driver") == (403, "read_only_member")
    of_manager = invite(manager, new_phone(), "viewer")
    of_owner = invite(owner, new_phone(), "manager")
    # Drivers are the daily business of everybody at a carrier.
    of_member = invite(member, new_phone(), "driver")
    path = f"{ORGANISATIONS}/invitations/"
    assert {i["id"] for i in manager.get(path).json()["items"]} == {
        of_manager["id"], of_owner["id"], of_member["id"]
    }  # fmt: skip
    assert [i["id"] for i in member.get(path).json()["items"]] == [of_member["id"]]
    assert code_of(member.post(f"{path}{of_manager['id']}/revoke/")) == (403, "managers_only")
    assert code_of(manager.post(f"{path}{of_owner['id']}/revoke/")) == (403, "owner_only")
    assert manager.post(f"{path}{of_manager['id']}/revoke/").status_code == 200
    shipper = person(client, Role.SHIPPER)
    assert refused(shipper, new_phone(), "driver") == (403, "role_not_allowed")


def test_who_belongs_already_is_not_invited(client: Client) -> None:
    owner = person(client, Role.CARRIER)
    driver = person(client, Role.DRIVER, carrier_id=owner.id)
    for phone in (owner.phone, colleague(owner).phone, driver.phone):
        assert refused(owner, phone) == (409, "already_member")
    assert refused(owner, "12") == (422, "invalid_phone")
    body = {"phone": new_phone(), "joins_as": "owner"}
    assert code_of(owner.post(f"{ORGANISATIONS}/invitations/", body)) == (422, "invalid_body")


def test_what_does_not_fit_is_found_at_the_answer(client: Client) -> None:
    owner = person(client, Role.CARRIER)
    shipper, elsewhere = person(client, Role.SHIPPER), colleague(person(client, Role.CARRIER))
    assert accept(shipper, invite(owner, shipper.phone)) == (409, "role_mismatch")
    assert accept(elsewhere, invite(owner, elsewhere.phone)) == (409, "already_member")
    driver = person(client, Role.DRIVER)
    assert accept(driver, invite(owner, driver.phone)) == (409, "role_mismatch")
    with transaction() as session:
        session.execute(update(User).where(User.id == owner.id).values(disabled=True))
    joiner = person(client, Role.CARRIER)
    with transaction() as session:
        row = session.execute(
            text(
                "INSERT INTO invitations (owner_id, phone, joins_as, invited_by, created_at, expires_at)"
                " VALUES (:owner, :phone, 'member', :owner, now(), now() + interval '1 day') RETURNING id"
            ),
            {"owner": owner.id, "phone": joiner.phone},
        ).scalar_one()
    assert accept(joiner, {"id": row}) == (409, "organisation_closed")


def test_nobody_loses_sight_of_his_own(client: Client) -> None:
    owner, joiner = person(client, Role.CARRIER), person(client, Role.CARRIER)
    invitation = invite(owner, joiner.phone)
    with transaction() as session:
        vehicle = Vehicle(carrier_id=joiner.id, plate=f"ZG-{joiner.phone[-4:]}-Q")
        session.add(vehicle)
    answer = joiner.post(f"{INVITATIONS}/{invitation['id']}/accept/")
    assert code_of(answer) == (409, "own_business_open")
    assert "vehicles" in answer.json()["detail"]
    with transaction() as session:
        session.delete(session.get_one(Vehicle, vehicle.id))
    driver = person(client, Role.DRIVER, carrier_id=joiner.id)
    assert accept(joiner, invitation) == (409, "own_business_open")
    joiner.delete(f"/api/v1/fleet/drivers/{driver.id}/")
    junior = colleague(joiner)
    assert accept(joiner, invitation) == (409, "own_business_open")
    junior.post(f"{ORGANISATIONS}/leave/")
    # An invitation of his own is no ground to wait for: it goes.
    own = invite(joiner, new_phone())
    assert accept(joiner, invitation) == (200, "")
    with transaction() as session:
        assert session.get_one(Invitation, UUID(own["id"])).state == "revoked"


def test_an_order_under_way_is_in_the_way_and_an_ended_one_comes_back(client: Client) -> None:
    owner, joiner = person(client, Role.SHIPPER), person(client, Role.SHIPPER)
    order = joiner.post("/api/v1/orders/", ORDER).json()["id"]
    invitation = invite(owner, joiner.phone)
    assert accept(joiner, invitation) == (409, "own_business_open")
    answer = joiner.post(f"/api/v1/orders/{order}/cancel/", {"reason": "joining others"})
    assert answer.status_code == 200, answer.text
    assert accept(joiner, invitation) == (200, "")
    assert code_of(joiner.get(f"/api/v1/orders/{order}/")) == (404, "order_not_found")
    assert joiner.post(f"{ORGANISATIONS}/leave/").status_code == 204
    assert joiner.get(f"/api/v1/orders/{order}/").status_code == 200


def test_there_is_a_bound(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = person(client, Role.SHIPPER)
    monkeypatch.setattr(rules, "MAX_OPEN_INVITATIONS", 2)
    first = invite(owner, new_phone())
    invite(owner, new_phone())
    assert refused(owner, new_phone()) == (429, "too_many_invitations")
    owner.post(f"{ORGANISATIONS}/invitations/{first['id']}/revoke/")
    invite(owner, new_phone())
    monkeypatch.setattr(rules, "MAX_INVITATIONS_A_DAY", 3)
    monkeypatch.setattr(rules, "MAX_OPEN_INVITATIONS", 50)
    assert refused(owner, new_phone()) == (429, "too_many_invitations")


def test_nobody_is_texted_again_and_again(client: Client) -> None:
    owner, phone = person(client, Role.SHIPPER), new_phone()
    for _ in range(3):
        sent = invite(owner, phone)
        owner.post(f"{ORGANISATIONS}/invitations/{sent['id']}/revoke/")
    assert refused(owner, phone) == (429, "too_many_invitations")
    assert refused(owner, new_phone()) == (201, "")


def test_a_repeated_request_invites_once(client: Client) -> None:
    owner, phone = person(client, Role.SHIPPER), new_phone()
    headers = owner.headers | {"Idempotency-Key": str(uuid4())}
    body = {"phone": phone, "joins_as": "member"}
    answers = [
        client.post(f"{ORGANISATIONS}/invitations/", json=body, headers=headers).json() for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert "id" in answers[0]


def test_who_signs_in_acts_for_the_business_and_reads_french(client: Client) -> None:
    """A real login of a member acts for the business as well."""
    owner, joiner = person(client, Role.SHIPPER), person(client, Role.SHIPPER)
    assert accept(joiner, invite(owner, joiner.phone)) == (200, "")
    login = client.post("/api/v1/auth/login/", json={"phone": joiner.phone, "password": PASSWORD}).json()
    headers = {"Authorization": f"Bearer {login['access']}", "Accept-Language": "fr"}
    mine = client.get(f"{ORGANISATIONS}/mine/", headers=headers).json()
    assert mine["owner_id"] == str(owner.id)
    answer = client.post(
        f"{ORGANISATIONS}/invitations/", json={"phone": new_phone(), "joins_as": "member"}, headers=headers
    )
    assert answer.json()["detail"] == "Réservé au propriétaire et aux gestionnaires de l'organisation."


def test_lists_ask_the_same_number_of_questions_whatever_they_hold(client: Client) -> None:
    owner, joiner = person(client, Role.SHIPPER), person(client, Role.SHIPPER)

    def questions() -> list[int]:
        counts = []
        for someone, path in ((owner, f"{ORGANISATIONS}/invitations/"), (owner, f"{ORGANISATIONS}/members/"),
                              (joiner, f"{INVITATIONS}/")):  # fmt: skip
            with count_queries() as seen:
                assert someone.get(path).json()["items"]
            counts.append(len(seen))
        return counts

    invite(owner, joiner.phone)
    colleague(owner)
    few = questions()
    for _ in range(5):
        invite(owner, new_phone())
        colleague(owner)
        invite(person(client, Role.SHIPPER), joiner.phone)
    assert questions() == few
