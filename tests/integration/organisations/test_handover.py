"""A business is handed over: by its owner, to a member, who accepts; and what follows for both."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from httpx import Client
from psycopg.errors import RaiseException
from sqlalchemy import update

from config import clock
from config.database import transaction
from platform_api.accounts.models import User
from platform_api.actor import MemberRole, Role
from platform_api.brokerage.repository import party_with_phone
from platform_api.organisations.models import OrganisationMember
from platform_api.ownership import tasks
from platform_api.ownership.models import OwnershipOffer
from platform_api.waybills.contents import parties_of
from tests.integration.organisations.test_kyc import approve, sent
from tests.support.api import Person, code_of, last_text, new_phone, person
from tests.support.people import colleague
from tests.support.queries import count_queries

ORGANISATIONS = "/api/v1/organisations"
HANDOVERS = f"{ORGANISATIONS}/handovers/"
ME = "/api/v1/auth/me/"


def business(client: Client, role: Role = Role.CARRIER) -> Person:
    """An owner whose business has a name."""
    owner = person(client, role)
    assert owner.patch(ME, {"company_name": "Transports Teranga"}).status_code == 200
    return owner


def offered(owner: Person, to: Person) -> str:
    answer = owner.post(HANDOVERS, {"user_id": str(to.id)})
    assert answer.status_code == 201, answer.text
    return f"{HANDOVERS}{answer.json()['id']}/"


def handed(owner: Person, to: Person) -> None:
    answer = to.post(f"{offered(owner, to)}accept/")
    assert (answer.status_code, answer.json().get("state")) == (200, "accepted"), answer.text


def mine(someone: Person) -> dict[str, Any]:
    answer = someone.get(f"{ORGANISATIONS}/mine/")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def roles(owner: Person) -> dict[str, str]:
    items = owner.get(f"{ORGANISATIONS}/members/").json()["items"]
    return {item["user_id"]: item["role"] for item in items}


def test_the_business_stays_what_it_was_and_is_another_persons(client: Client) -> None:
    founder = business(client)
    successor, other = colleague(founder, MemberRole.VIEWER), colleague(founder)
    vehicle = founder.post("/api/v1/fleet/vehicles/", {"plate": "HO-0001-AA"}).json()["id"]
    path = offered(founder, successor)
    assert "Transports Teranga" in last_text(successor.phone)
    assert "Transports Teranga" in last_text(founder.phone)
    # Named is not yet owner.
    assert mine(successor)["your_role"] == "viewer"
    assert code_of(successor.post("/api/v1/fleet/vehicles/", {"plate": "HO-0002-AA"})) == (
        403,
        "read_only_member",
    )
    assert successor.post(f"{path}accept/").json()["state"] == "accepted"
    now_his = mine(successor)
    assert (now_his["owner_id"], now_his["owner_user_id"]) == (str(founder.id), str(successor.id))
    assert (now_his["your_role"], now_his["name"], now_his["people"]) == ("owner", "Transports Teranga", 3)
    assert mine(founder)["your_role"] == "manager"
    assert roles(successor) == {str(founder.id): "manager", str(other.id): "member"}
    assert roles(other) == roles(successor)
    for someone in (founder, successor, other):
        assert someone.get(f"/api/v1/fleet/vehicles/{vehicle}/").status_code == 200
    assert successor.post("/api/v1/fleet/vehicles/", {"plate": "HO-0003-AA"}).status_code == 201
    (alert,) = other.get("/api/v1/alerts/", params={"kind": "business_handed_over"}).json()["items"]
    assert "Transports Teranga" in alert["title"]
    public = person(client, Role.SHIPPER).get(f"/api/v1/profiles/{founder.id}/")
    assert public.json()["name"] == "Transports Teranga"


def test_it_is_on_record(client: Client) -> None:
    founder = business(client)
    successor = colleague(founder)
    handed(founder, successor)
    rows = person(client, Role.ADMINISTRATOR).get(
        "/api/v1/admin/audit/", params={"actor_id": str(successor.id)}
    )
    (row,) = rows.json()["items"]
    assert (row["action"], row["row_key"]) == ("handed_over", {"owner_id": str(founder.id)})
    assert (row["before"], row["after"]) == ({"owner": str(founder.id)}, {"owner": str(successor.id)})
    (listed,) = founder.get(HANDOVERS).json()["items"]
    assert (listed["state"], listed["to_user_id"]) == ("accepted", str(successor.id))


def test_the_new_owner_has_the_rights_and_the_old_one_lost_them(client: Client) -> None:
    founder = business(client)
    successor, manager = colleague(founder), colleague(founder, MemberRole.MANAGER)
    handed(founder, successor)
    path = f"{ORGANISATIONS}/members/{manager.id}/"
    assert code_of(founder.patch(path, {"role": "member"})) == (403, "owner_only")
    assert successor.patch(path, {"role": "member"}).status_code == 200
    assert code_of(founder.post(HANDOVERS, {"user_id": str(manager.id)})) == (403, "not_the_owner")
    assert code_of(successor.post(f"{ORGANISATIONS}/leave/")) == (409, "owner_stays")
    for someone in (founder, manager):
        about = f"{ORGANISATIONS}/members/{successor.id}/"
        assert code_of(someone.delete(about)) == (404, "member_not_found")
        assert code_of(someone.patch(about, {"role": "viewer"})) == (404, "member_not_found")


def test_it_goes_on_to_a_third_and_back_to_its_founder(client: Client) -> None:
    founder = business(client, Role.SHIPPER)
    second, third = colleague(founder), colleague(founder)
    handed(founder, second)
    handed(second, third)
    assert roles(third) == {str(founder.id): "manager", str(second.id): "manager"}
    handed(third, founder)
    assert (mine(founder)["your_role"], mine(founder)["people"]) == ("owner", 3)
    assert roles(founder) == {str(second.id): "manager", str(third.id): "manager"}
    assert founder.delete(f"{ORGANISATIONS}/members/{third.id}/").status_code == 204
    assert mine(third)["owner_id"] == str(third.id)


def test_who_handed_it_over_and_went_acts_for_nobody_until_he_joins_another(client: Client) -> None:
    founder = business(client)
    successor = colleague(founder)
    key = founder.post("/api/v1/api-keys/", {"name": "ERP", "scopes": ["fleet:read"]}).json()["key"]
    handed(founder, successor)
    assert founder.post(f"{ORGANISATIONS}/leave/").status_code == 204
    for path in ("/api/v1/fleet/vehicles/", f"{ORGANISATIONS}/mine/", "/api/v1/alerts/"):
        assert code_of(founder.get(path)) == (403, "business_left")
    with_key = client.get("/api/v1/fleet/vehicles/", headers={"Authorization": f"Bearer {key}"})
    assert code_of(with_key) == (401, "api_key_revoked")
    shown = founder.get(ME).json()
    assert shown["name"]
    assert "Teranga" not in str(shown)
    assert mine(successor)["people"] == 1
    # He joins another business, and comes back to what was his, like anybody.
    for owner in (person(client, Role.CARRIER), successor):
        body = {"phone": founder.phone, "joins_as": "member"}
        invitation = owner.post(f"{ORGANISATIONS}/invitations/", body)
        assert invitation.status_code == 201, invitation.text
        answer = founder.post(f"/api/v1/invitations/{invitation.json()['id']}/accept/")
        assert answer.status_code == 200, answer.text
        assert mine(founder)["owner_id"] == mine(owner)["owner_id"]
        assert (mine(founder)["your_role"], mine(owner)["people"]) == ("member", 2)
        assert code_of(owner.post(f"{ORGANISATIONS}/invitations/", body)) == (409, "already_member")
        assert owner.delete(f"{ORGANISATIONS}/members/{founder.id}/").status_code == 204
        assert code_of(founder.get(f"{ORGANISATIONS}/mine/")) == (403, "business_left")


def test_people_join_and_offers_reach_it_after_the_founder_has_joined_another(client: Client) -> None:
    founder = business(client)
    successor = colleague(founder)
    handed(founder, successor)
    assert founder.post(f"{ORGANISATIONS}/leave/").status_code == 204
    other = person(client, Role.CARRIER)
    with transaction() as session:
        row = session.get_one(OrganisationMember, founder.id)
        row.owner_id, row.role = other.id, "member"
    newcomer = person(client, Role.CARRIER)
    body = {"phone": newcomer.phone, "joins_as": "member"}
    invitation = successor.post(f"{ORGANISATIONS}/invitations/", body).json()["id"]
    assert newcomer.post(f"/api/v1/invitations/{invitation}/accept/").status_code == 200
    assert mine(newcomer)["owner_id"] == str(founder.id)
    shipper = person(client, Role.SHIPPER)
    order = shipper.post(
        "/api/v1/orders/",
        {
            "goods": "Riz",
            "pickup": {"name": "Dakar", "lat": 14.68, "lon": -17.43},
            "delivery": {"name": "Kaolack", "lat": 14.16, "lon": -16.07},
        },
    ).json()["id"]
    assert shipper.post(f"/api/v1/orders/{order}/post/").status_code == 200
    made = shipper.post(
        f"/api/v1/orders/{order}/offers/", {"carrier_id": str(founder.id), "amount_xof": 400_000}
    )
    assert made.status_code == 201, made.text
    assert last_text(successor.phone).startswith("MESS")
    assert shipper.get(f"/api/v1/profiles/{founder.id}/").status_code == 200


def test_who_may_offer_what_to_whom(client: Client) -> None:
    owner = person(client, Role.SHIPPER)
    manager, stranger = colleague(owner, MemberRole.MANAGER), person(client, Role.SHIPPER)
    assert code_of(owner.post(HANDOVERS, {"user_id": str(manager.id)})) == (409, "company_name_missing")
    owner.patch(ME, {"company_name": "Teranga"})
    assert code_of(manager.post(HANDOVERS, {"user_id": str(manager.id)})) == (403, "not_the_owner")
    for who in (owner, stranger):
        assert code_of(owner.post(HANDOVERS, {"user_id": str(who.id)})) == (404, "member_not_found")
    assert code_of(person(client, Role.DRIVER).post(HANDOVERS, {"user_id": str(owner.id)})) == (
        403,
        "role_not_allowed",
    )
    path = offered(owner, manager)
    assert code_of(owner.post(HANDOVERS, {"user_id": str(manager.id)})) == (409, "handover_open")
    assert code_of(stranger.post(f"{path}accept/")) == (404, "handover_not_found")
    assert code_of(owner.post(f"{path}accept/")) == (404, "handover_not_found")
    assert code_of(manager.post(f"{path}withdraw/")) == (403, "not_the_owner")
    assert stranger.get(HANDOVERS).json()["items"] == []
    assert len(manager.get(HANDOVERS).json()["items"]) == 1


def test_an_offer_that_holds_no_longer(client: Client) -> None:
    owner = business(client)
    member = colleague(owner)
    declined = offered(owner, member)
    assert member.post(f"{declined}decline/").json()["state"] == "declined"
    assert code_of(member.post(f"{declined}accept/")) == (409, "handover_closed")
    assert code_of(owner.post(f"{declined}withdraw/")) == (409, "handover_closed")
    withdrawn = offered(owner, member)
    for _ in range(2):
        assert owner.post(f"{withdrawn}withdraw/").json()["state"] == "withdrawn"
    assert code_of(member.post(f"{withdrawn}accept/")) == (409, "handover_closed")
    lapsed = offered(owner, member)
    with transaction() as session:
        past = update(OwnershipOffer).where(OwnershipOffer.owner_id == owner.id)
        session.execute(past.values(expires_at=clock.now() - timedelta(seconds=1)))
    assert code_of(member.post(f"{lapsed}accept/")) == (409, "handover_expired")
    tasks.sweep()
    assert code_of(member.post(f"{lapsed}decline/")) == (409, "handover_expired")
    gone = offered(owner, member)
    assert owner.delete(f"{ORGANISATIONS}/members/{member.id}/").status_code == 204
    assert code_of(member.post(f"{gone}accept/")) == (409, "handover_closed")
    assert (mine(owner)["your_role"], mine(owner)["people"]) == ("owner", 1)


def test_a_business_is_shut_out_with_its_new_owner(client: Client) -> None:
    founder = business(client)
    successor = colleague(founder)
    handed(founder, successor)
    with transaction() as session:
        session.execute(update(User).where(User.id == successor.id).values(disabled=True))
    assert code_of(founder.get("/api/v1/fleet/vehicles/")) == (401, "account_disabled")


def test_who_its_owner_is_has_to_be_proved_anew(client: Client) -> None:
    founder, reviewer = business(client, Role.SHIPPER), person(client, Role.ADMINISTRATOR)
    approve(reviewer, sent(founder))
    assert founder.get("/api/v1/kyc/status/").json()["verified"] is True
    successor = colleague(founder)
    handed(founder, successor)
    assert successor.get("/api/v1/kyc/status/").json()["verified"] is False


def test_its_name_stays(client: Client) -> None:
    founder = business(client)
    successor = colleague(founder)
    handed(founder, successor)
    for someone in (founder, successor):
        assert code_of(someone.patch(ME, {"company_name": ""})) == (409, "company_name_missing")
    assert successor.patch(ME, {"company_name": "Teranga et fils"}).status_code == 200
    assert mine(founder)["name"] == "Teranga et fils"


def test_nobody_takes_a_business_in_another_persons_name(client: Client) -> None:
    owner, root = business(client), person(client, Role.ADMINISTRATOR)
    member = colleague(owner)
    path = offered(owner, member)
    body = {"user_id": str(member.id), "reason": "Ticket 4711: he asked us to", "may_change": True}
    token = root.post("/api/v1/admin/impersonations/", body).json()["token"]
    answer = client.post(f"{path}accept/", headers={"Authorization": f"Bearer {token}"})
    assert code_of(answer) == (403, "impersonation_not_allowed")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO organisation_members (user_id, owner_id, role, joined_at) VALUES (%(a)s, %(a)s, 'manager', now())",
        "INSERT INTO organisation_members (user_id, owner_id, role, joined_at) VALUES (%(b)s, %(a)s, 'owner', now())",
        "INSERT INTO organisation_members (user_id, owner_id, role, joined_at) VALUES (%(b)s, %(a)s, 'former', now())",
    ],
)
def test_the_database_itself_keeps_one_owner(client: Client, database_url: str, statement: str) -> None:
    keys = {"a": person(client, Role.SHIPPER).id, "b": person(client, Role.SHIPPER).id}
    with psycopg.connect(database_url, autocommit=True) as connection, pytest.raises(psycopg.Error):
        connection.execute(statement, keys)


def test_no_owner_is_deleted(client: Client, database_url: str) -> None:
    founder = business(client)
    successor = colleague(founder)
    handed(founder, successor)
    delete = "DELETE FROM organisation_members WHERE user_id = %s"
    for someone in (founder, successor):
        with psycopg.connect(database_url, autocommit=True) as connection, pytest.raises(RaiseException):
            connection.execute(delete, (someone.id,))


def test_acting_for_a_business_that_was_handed_over_costs_no_query_more(client: Client) -> None:
    founder, plain = business(client), business(client)
    successor = colleague(founder)
    handed(founder, successor)

    def questions(caller: Person) -> int:
        with count_queries() as seen:
            assert caller.get(f"{ORGANISATIONS}/members/").status_code == 200
        return len(seen)

    assert questions(successor) == questions(founder) == questions(plain)


def test_an_invitation_still_says_whose_business_it_is(client: Client) -> None:
    founder = business(client)
    successor = colleague(founder)
    handed(founder, successor)
    body = {"phone": new_phone(), "joins_as": "manager"}
    shown = successor.post(f"{ORGANISATIONS}/invitations/", body).json()
    assert shown["organisation"]["name"] == "Transports Teranga"
    assert code_of(founder.post(f"{ORGANISATIONS}/invitations/", body | {"phone": new_phone()})) == (
        403,
        "owner_only",
    )


def test_whom_others_find_under_its_telephone(client: Client) -> None:
    founder = business(client, Role.SHIPPER)
    successor = colleague(founder)
    for someone, address in ((founder, "Thiès"), (successor, "Rufisque")):
        assert someone.patch(ME, {"address": address}).status_code == 200
    handed(founder, successor)
    with transaction() as session:
        found = {who.phone: party_with_phone(session, who.phone) for who in (founder, successor)}
        party = parties_of(session, founder.id)[founder.id]
    assert found == {founder.phone: None, successor.phone: founder.id}
    assert (party.name, party.phone, party.address) == ("Transports Teranga", successor.phone, "Rufisque")
