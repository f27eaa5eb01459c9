"""Every list, and how to fill it. See `test_lists`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from tests.integration.walk.entries import Call
from tests.integration.walk.world import World


@dataclass(frozen=True, slots=True)
class List:
    """`one` makes one row, as the last write of `table`, and says how to ask for the list.

    The row is copied; `but` names columns whose copies differ (column -> SQL, `n` counts from 1).
    """

    route: str
    table: str
    one: Callable[[World], Call]
    caller: str
    but: Mapping[str, str] = field(default_factory=dict)


def all_lists() -> dict[str, List]:
    found: dict[str, List] = {}
    for path in sorted(Path(__file__).parent.glob("lists_of_*.py")):
        for each in import_module(f"{__package__}.{path.stem}").LISTS:
            assert each.route not in found, f"{path.name}: {each.route} is there already"
            found[each.route] = each
    return found
