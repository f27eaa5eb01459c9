"""What people say of themselves and of their business, and what the market sees of it."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from httpx import Client
from sqlalchemy import update

from config.database import transaction
from platform_api.accounts.models import User
from platform_api.actor import MemberRole, Role
from platform_api.profiles import service
from tests.support.api import Person, code_of, person
from tests.support.people import actor, colleague
from tests.support.queries import count_queries
from tests.support.races import race

ME = "/api/v1/auth/me/"
ROUNDS = 100


def changed(someone: Person, **body: Any) -> dict[str, Any]:
    answer = someone.patch(ME, body)
    assert answer.status_code == 200, answer.text
    me: dict[str, Any] = answer.json()
    return me


def test_somebody_says_who_he_is(client: Client) -> None:
    owner = person(client, Role.CARRIER)
    before = owner.get(ME)
    assert before.headers["ETag"] == '"0"'
    assert before.json()["business"] == {
        "party_id": str(owner.id), "your_role": "owner", "company_name": "", "ninea": None, "rccm": None,
        "region": None, "verified": False,
    }  # fmt: skip
    me = changed(
        owner,
        name="  Awa Diop ",
        language="fr",
        email="Awa@Example.SN",
        address="Rue 10, Médina",
        company_name="Transports Diop",
        ninea="005 144 788 / 2g3",
        rccm="sn.dkr.2015 b 1234",
        region="thies",
    )
    assert (me["name"], me["language"], me["email"]) == ("Awa Diop", "fr", "Awa@example.sn")
    business = me["business"]
    assert (business["company_name"], business["ninea"]) == ("Transports Diop", "005144788 2G3")
    assert (business["rccm"], business["region"]) == ("SN-DKR-2015-B-1234", "SN-TH")
    assert owner.get(ME).json() == me
    # What is left out stays, null clears.
    assert changed(owner, email=None)["email"] is None
    assert changed(owner, ninea=None, company_name=None)["business"] == business | {
        "ninea": None, "company_name": "",
    }  # fmt: skip
    assert owner.get(ME).json()["address"] == "Rue 10, Médina"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"email": "nobody"}, "invalid_email"),
        ({"ninea": "12"}, "invalid_ninea"),
        ({"rccm": "12"}, "invalid_rccm"),
        ({"region": "Paris"}, "invalid_region"),
        ({"language": "wo"}, "invalid_body"),
        ({"name": ""}, "invalid_body"),
        ({"phone": "771234567"}, "invalid_body"),
    ],
)
def test_what_is_malformed_changes_nothing(client: Client, body: dict[str, Any], code: str) -> None:
    owner = person(client, Role.SHIPPER)
    assert code_of(owner.patch(ME, body | {"address": "Pikine"})) == (422, code)
    assert owner.get(ME).json()["address"] == ""


def test_a_lost_update_is_refused(client: Client) -> None:
    owner = person(client, Role.SHIPPER)
    etag = owner.get(ME).headers["ETag"]
    headers = owner.headers | {"If-Match": etag}
    assert client.patch(ME, json={"address": "Pikine"}, headers=headers).headers["ETag"] == '"1"'
    assert code_of(client.patch(ME, json={"address": "Dakar"}, headers=headers)) == (412, "version_mismatch")
    # Nothing new is no new version.
    assert owner.patch(ME, {"address": "Pikine"}).headers["ETag"] == '"1"'
    assert owner.patch(ME, {"name": "Somebody Else"}).headers["ETag"] == '"2"'


def test_the_business_is_the_managers_and_a_person_his_own(client: Client) -> None:
    owner = person(client, Role.SHIPPER)
    manager, member = colleague(owner, MemberRole.MANAGER), colleague(owner)
    viewer = colleague(owner, MemberRole.VIEWER)
    changed(manager, company_name="Sahel Négoce", address="Thiès")
    for someone in (owner, member, viewer):
        assert someone.get(ME).json()["business"]["company_name"] == "Sahel Négoce"
        assert someone.get(ME).json()["address"] == ""
    assert code_of(member.patch(ME, {"company_name": "Mine"})) == (403, "managers_only")
    assert code_of(viewer.patch(ME, {"region": "SN-DK"})) == (403, "managers_only")
    assert changed(viewer, language="en", name="Viewer")["name"] == "Viewer"
    # A change of the business is news to whoever read it.
    etag = member.get(ME).headers["ETag"]
    changed(owner, region="SN-DK")
    assert member.get(ME).headers["ETag"] != etag


@pytest.mark.parametrize("role", [Role.DRIVER, Role.ADMINISTRATOR])
def test_who_has_no_business(client: Client, role: Role) -> None:
    someone = person(client, role)
    assert someone.get(ME).json()["business"] is None
    assert code_of(someone.patch(ME, {"company_name": "x"})) == (403, "role_not_allowed")
    assert changed(someone, language="fr")["language"] == "fr"


def test_the_market_sees_a_business_and_no_person(client: Client) -> None:
    owner, reader = person(client, Role.CARRIER), person(client, Role.SHIPPER)
    changed(owner, company_name="Transports Diop", region="SN-DK", email="a@b.sn", address="Rue 10")
    shown = reader.get(f"/api/v1/profiles/{owner.id}/").json()
    assert shown.keys() == {"party_id", "name", "role", "region", "verified", "since"}
    assert (shown["name"], shown["role"], shown["region"]) == ("Transports Diop", "carrier", "SN-DK")
    assert shown["verified"] is False
    nameless = person(client, Role.SHIPPER)
    assert reader.get(f"/api/v1/profiles/{nameless.id}/").json()["name"] == "Test shipper"


def test_what_the_market_does_not_see(client: Client) -> None:
    reader, owner = person(client, Role.SHIPPER), person(client, Role.CARRIER)
    out = person(client, Role.CARRIER)
    with transaction() as session:
        session.execute(update(User).where(User.id == out.id).values(disabled=True))
    hidden = [person(client, Role.DRIVER).id, person(client, Role.ADMINISTRATOR).id, colleague(owner).id]
    for party_id in [*hidden, out.id, uuid4()]:
        assert code_of(reader.get(f"/api/v1/profiles/{party_id}/")) == (404, "profile_not_found")
    assert code_of(client.get(f"/api/v1/profiles/{owner.id}/")) == (401, "not_authenticated")


def test_a_profile_is_a_fixed_number_of_questions(client: Client) -> None:
    owner = person(client, Role.SHIPPER)
    with count_queries() as alone:
        owner.get(ME)
    with count_queries() as of_member:
        colleague(owner).get(ME)
    # One to find the owner's row is the fixture's own.
    assert len(alone) <= 4
    assert len(of_member) <= len(alone) + 3


def test_two_first_changes_at_once_lose_nothing(client: Client) -> None:
    for _ in range(ROUNDS):
        owner = person(client, Role.SHIPPER)
        outcome = race(
            lambda s, now, o=owner: service.change_me(s, actor(o), {"address": "A"}, expected=None, now=now),
            lambda s, now, o=owner: service.change_me(s, actor(o), {"region": "dk"}, expected=None, now=now),
        )
        assert outcome == ["ok", "ok"]
        with transaction() as session:
            me = service.read_me(session, actor(owner), datetime.now(UTC))
        assert (me.own.address, me.own.region, me.version) == ("A", "SN-DK", 2)


def test_of_two_changes_of_one_version_one_wins(client: Client) -> None:
    for _ in range(ROUNDS):
        owner = person(client, Role.SHIPPER)
        outcome = race(
            lambda s, now, o=owner: service.change_me(s, actor(o), {"address": "A"}, expected=0, now=now),
            lambda s, now, o=owner: service.change_me(s, actor(o), {"address": "B"}, expected=0, now=now),
        )
        assert sorted(outcome) == ["ok", "version_mismatch"]
