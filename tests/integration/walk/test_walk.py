"""Every endpoint by every caller; see the package's docstring for how to add one."""

from collections.abc import Iterator

import pytest
from httpx import Client

from tests.integration.walk.calling import kind_of, send, to_nowhere, told
from tests.integration.walk.entries import CALLERS, NOBODY, STRANGERS, Entry, all_entries
from tests.integration.walk.routes import every_route
from tests.integration.walk.world import World
from tests.support.api import api_on

ENTRIES = all_entries()


@pytest.fixture(scope="module")
def world(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with api_on(database_url, redis_url, files_dir=str(tmp_path_factory.mktemp("files"))) as client:
        yield World(client, database_url)


@pytest.fixture(scope="module")
def client(world: World) -> Client:
    return world.client


def test_every_endpoint_has_an_entry() -> None:
    missing = sorted(set(every_route()) - ENTRIES.keys())
    assert not missing, "add entries in tests/integration/walk/of_<feature>.py:\n" + "\n".join(missing)


def test_every_entry_is_of_an_endpoint() -> None:
    assert ENTRIES.keys() - set(every_route()) == set()


@pytest.mark.parametrize(
    "entry",
    [each for each in ENTRIES.values() if not each.route.startswith("MOUNT")],
    ids=lambda entry: entry.route,
)
def test_who_may(entry: Entry, world: World, client: Client) -> None:
    wrong = []
    call = entry.call(world)
    # Those who may come last: nothing has changed the object before them, and each gets a fresh one.
    for name in sorted(CALLERS, key=lambda each: entry.expected(each) == "ok"):
        caller, expected = world.caller(name), entry.expected(name)
        answer = send(client, entry, call, caller)
        if kind_of(entry, answer, expected) != expected:
            wrong.append(f"{name}: {expected} expected, got {answer.shown()}")
            continue
        stranger = name in STRANGERS
        secret = not entry.open_to(name)
        if call.path and secret and (expected == "404" or (stranger and expected != "ok")):
            nowhere = [send(client, entry, other, caller) for other in to_nowhere(call)]
            if answer not in nowhere:
                wrong.append(f"{name}: learns that it exists: {answer.shown()} is not {nowhere[0].shown()}")
        if stranger and secret and (leak := told(world.secrets, answer, call)):
            wrong.append(f"{name}: reads {leak}")
        if expected == "ok" and name != NOBODY:
            call = entry.call(world)
    assert not wrong, entry.route + "\n" + "\n".join(wrong)
