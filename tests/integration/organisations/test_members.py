"""People of a business: roles, removal, leaving, and viewers who only read."""

import pytest
from httpx import Client
from sqlalchemy import update

from config.database import transaction
from platform_api.accounts.models import User
from platform_api.actor import MemberRole, Role
from platform_api.app import create_app
from platform_api.deps import closed_to_viewers
from tests.support.api import Person, code_of, person
from tests.support.people import colleague
from tests.support.queries import count_queries

ORGANISATIONS = "/api/v1/organisations"


def member_path(someone: Person) -> str:
    return f"{ORGANISATIONS}/members/{someone.id}/"


def test_the_owner_changes_a_role_that_he_has_read(client: Client) -> None:
    owner = person(client, Role.SHIPPER)
    member = colleague(owner)
    read = owner.get(member_path(member))
    assert (read.json()["role"], read.headers["ETag"]) == ("member", '"1"')
    changed = client.patch(
        member_path(member), json={"role": "manager"}, headers=owner.headers | {"If-Match": '"1"'}
    )
    assert (changed.json()["role"], changed.headers["ETag"]) == ("manager", '"2"')
    stale = client.patch(
        member_path(member), json={"role": "viewer"}, headers=owner.headers | {"If-Match": '"1"'}
    )
    assert code_of(stale) == (412, "version_mismatch")
    assert owner.patch(member_path(member), {"role": "manager"}).headers["ETag"] == '"2"'
    assert code_of(owner.patch(member_path(member), {"role": "owner"})) == (422, "invalid_body")
    assert code_of(owner.patch(member_path(owner), {"role": "viewer"})) == (404, "member_not_found")


def test_managers_manage_members_and_not_each_other(client: Client) -> None:
    owner = person(client, Role.CARRIER)
    first, second = colleague(owner, MemberRole.MANAGER), colleague(owner, MemberRole.MANAGER)
    member, other = colleague(owner), colleague(owner)
    assert first.patch(member_path(member), {"role": "viewer"}).status_code == 200
    assert code_of(first.patch(member_path(other), {"role": "manager"})) == (403, "owner_only")
    assert code_of(first.patch(member_path(second), {"role": "viewer"})) == (403, "owner_only")
    assert code_of(first.delete(member_path(second))) == (403, "owner_only")
    assert first.delete(member_path(member)).status_code == 204
    assert code_of(other.delete(member_path(first))) == (403, "managers_only")
    assert code_of(other.patch(member_path(first), {"role": "viewer"})) == (403, "managers_only")
    # A manager may go, or step down by going.
    assert first.delete(member_path(first)).status_code == 204
    assert owner.delete(member_path(second)).status_code == 204


def test_another_business_has_no_such_member(client: Client) -> None:
    member = colleague(person(client, Role.SHIPPER))
    stranger = person(client, Role.SHIPPER)
    assert code_of(stranger.get(member_path(member))) == (404, "member_not_found")
    assert code_of(stranger.patch(member_path(member), {"role": "viewer"})) == (404, "member_not_found")
    assert code_of(stranger.delete(member_path(member))) == (404, "member_not_found")
    assert stranger.get(f"{ORGANISATIONS}/members/").json()["items"] == []


def test_members_come_in_pages_in_the_order_they_joined(client: Client) -> None:
    owner = person(client, Role.SHIPPER)
    joined = [str(colleague(owner).id) for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = owner.get(f"{ORGANISATIONS}/members/", params=params).json()
        seen += [item["user_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == joined


def test_who_leaves_acts_for_himself(client: Client) -> None:
    owner = person(client, Role.SHIPPER)
    viewer = colleague(owner, MemberRole.VIEWER)
    assert viewer.post(f"{ORGANISATIONS}/leave/").status_code == 204
    mine = viewer.get(f"{ORGANISATIONS}/mine/").json()
    assert (mine["owner_id"], mine["your_role"], mine["people"]) == (str(viewer.id), "owner", 1)
    assert code_of(viewer.post(f"{ORGANISATIONS}/leave/")) == (409, "not_a_member")
    assert code_of(owner.post(f"{ORGANISATIONS}/leave/")) == (409, "not_a_member")


def test_a_business_that_is_shut_out_is_with_its_members(client: Client) -> None:
    owner = person(client, Role.CARRIER)
    member = colleague(owner)
    assert member.get("/api/v1/fleet/vehicles/").status_code == 200
    with transaction() as session:
        session.execute(update(User).where(User.id == owner.id).values(disabled=True))
    assert code_of(member.get("/api/v1/fleet/vehicles/")) == (401, "account_disabled")


def test_acting_for_somebody_costs_no_query_more(client: Client) -> None:
    owner = person(client, Role.SHIPPER)
    member = colleague(owner)

    def questions(caller: Person) -> int:
        with count_queries() as seen:
            assert caller.get(f"{ORGANISATIONS}/members/").status_code == 200
        return len(seen)

    assert questions(member) == questions(owner)


def _changing_routes() -> list[tuple[str, str]]:
    """Every method and path of the API that changes something and asks who is calling."""
    return [
        (method.upper(), path)
        for path, item in create_app().openapi()["paths"].items()
        for method, operation in item.items()
        if method not in ("get", "head", "options") and operation.get("security")
    ]


ROUTES = _changing_routes()


def test_there_are_routes_to_refuse() -> None:
    assert len(ROUTES) > 30


@pytest.mark.parametrize("role", [Role.SHIPPER, Role.CARRIER])
def test_a_viewer_changes_nothing_anywhere(client: Client, role: Role) -> None:
    viewer = colleague(person(client, role), MemberRole.VIEWER)
    id_ = "00000000-0000-4000-8000-000000000000"
    for method, path in ROUTES:
        if not closed_to_viewers(method, path):
            continue
        parts = [id_ if part.startswith("{") else part for part in path.split("/")]
        answer = client.request(method, "/".join(parts), json={}, headers=viewer.headers)
        assert code_of(answer) == (403, "read_only_member"), (method, path)
