"""A list asks the database as often for twenty rows as for one.

A new endpoint that answers a `Page` needs an entry in `lists_of_<feature>.py` beside this file:

    List("GET /api/v1/alerts/", "alerts", alert, caller="shipper", but={"dedup": "NULL"}),
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.integration.walk.copies import copy_last
from tests.integration.walk.entries import Call
from tests.integration.walk.lists import List, all_lists
from tests.integration.walk.routes import every_list
from tests.integration.walk.world import World
from tests.support.api import api_on
from tests.support.queries import count_queries

LISTS = all_lists()
COPIES = 19


@pytest.fixture(scope="module")
def world(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with api_on(database_url, redis_url, files_dir=str(tmp_path_factory.mktemp("files"))) as client:
        yield World(client, database_url)


def ask(world: World, entry: List, call: Call) -> tuple[int, list[str]]:
    """How many items came, and by which statements."""
    path = entry.route.removeprefix("GET ").format(**{name: str(value) for name, value in call.path.items()})
    caller = world.caller(entry.caller)
    assert caller is not None
    with count_queries() as sent:
        answer = caller.get(path, params={"limit": 100, **call.query})
    assert answer.status_code == 200, answer.text
    return len(answer.json()["items"]), sent


def test_every_list_has_an_entry() -> None:
    missing = sorted(every_list() - LISTS.keys())
    assert not missing, "add entries in tests/integration/walk/lists_of_<feature>.py:\n" + "\n".join(missing)


def test_every_entry_is_of_a_list() -> None:
    assert LISTS.keys() - every_list() == set()


@pytest.mark.parametrize("entry", LISTS.values(), ids=lambda entry: entry.route)
def test_twenty_rows_cost_as_many_statements_as_one(entry: List, world: World) -> None:
    call = entry.one(world)
    ask(world, entry, call)  # what is looked up once in a process
    before, few = ask(world, entry, call)
    assert before >= 1, "the list is empty"
    copy_last(world, entry.table, COPIES, entry.but)
    after, many = ask(world, entry, replace(call))
    assert after >= min(before + COPIES, 100), "the copies are not on the list"
    assert len(many) == len(few), "\n".join(sorted(set(many), key=many.count)[-3:])
