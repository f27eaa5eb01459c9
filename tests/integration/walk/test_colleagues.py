"""Who acts for a business reads what its owner reads, everywhere; who was removed, what a stranger reads."""

from collections.abc import Iterator

import pytest

from config.database import transaction
from platform_api.actor import MemberRole
from platform_api.organisations.models import OrganisationMember
from tests.integration.walk.calling import kind_of, send
from tests.integration.walk.entries import Entry, all_entries
from tests.integration.walk.world import World
from tests.support.api import Person, api_on
from tests.support.people import colleague

OWNERS = ("shipper", "carrier", "broker")
# Of a person, not of the business he acts for.
OF_THE_PERSON = {
    "GET /api/v1/auth/me/",
    "GET /api/v1/auth/sessions/",
    "GET /api/v1/organisations/mine/",
    "GET /api/v1/invitations/",
    "GET /api/v1/privacy/access-log/",
    "GET /api/v1/privacy/erasures/",
    "GET /api/v1/privacy/exports/",
}
ENTRIES = [
    entry
    for entry in all_entries().values()
    if entry.route.startswith(("GET ", "WS ")) and entry.route not in OF_THE_PERSON and not entry.public
]


@pytest.fixture(scope="module")
def world(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with api_on(database_url, redis_url, files_dir=str(tmp_path_factory.mktemp("files"))) as client:
        yield World(client, database_url)


@pytest.fixture(scope="module")
def colleagues(world: World) -> dict[str, Person]:
    return {name: colleague(getattr(world, name), MemberRole.MANAGER) for name in OWNERS}


@pytest.fixture(scope="module")
def removed(world: World) -> dict[str, Person]:
    """Were colleagues a moment ago."""
    gone = {name: colleague(getattr(world, name), MemberRole.MANAGER) for name in OWNERS}
    with transaction() as session:
        for someone in gone.values():
            session.delete(session.get_one(OrganisationMember, someone.id))
    return gone


def test_there_is_something_to_compare() -> None:
    assert sum(entry.expected(owner) == "ok" for entry in ENTRIES for owner in OWNERS) > 60


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.route)
def test_a_colleague_reads_what_the_owner_reads(
    entry: Entry, world: World, colleagues: dict[str, Person], removed: dict[str, Person]
) -> None:
    wrong = []
    for name in OWNERS:
        call = entry.call(world)
        owner = send(world.client, entry, call, getattr(world, name))
        assert kind_of(entry, owner, entry.expected(name)) == entry.expected(name)
        answer = send(world.client, entry, call, colleagues[name])
        if answer != owner:
            wrong.append(f"{name}: {owner.shown()}\n  his colleague: {answer.shown()}")
        stranger = entry.expected(f"other_{name}")
        answer = send(world.client, entry, call, removed[name])
        if kind_of(entry, answer, stranger) != stranger:
            wrong.append(f"{name}: once removed {stranger} expected, got {answer.shown()}")
    assert not wrong, entry.route + "\n" + "\n".join(wrong)
