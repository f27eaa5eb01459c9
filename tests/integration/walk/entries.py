"""What a feature says of its endpoints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.integration.walk.world import World

ROLES = ("shipper", "carrier", "driver", "broker", "administrator")
STRANGERS = ("other_shipper", "other_carrier", "other_driver", "other_broker")
NOBODY = "nobody"
CALLERS = (*ROLES, *STRANGERS, NOBODY)
EVERYBODY = " ".join(ROLES)
ANY_STRANGER = dict.fromkeys(STRANGERS, "ok")


@dataclass(frozen=True, slots=True)
class Call:
    """`path`: values of the address's places. `body` goes as JSON, `content` as it stands."""

    path: Mapping[str, object] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def nothing(_world: World) -> Call:
    return Call()


def at(*names: str) -> Callable[[World], Call]:
    """The standing objects of the world of these names."""
    return lambda world: Call({name: getattr(world, name) for name in names})


@dataclass(frozen=True, slots=True)
class Entry:
    """See the package's docstring. `route` is method (WS for a WebSocket) and path as the app has it."""

    route: str
    call: Callable[[World], Call] = nothing
    ok: str = ""
    forbidden: str = ""
    but: Mapping[str, str] = field(default_factory=dict)
    also: tuple[int, ...] = ()
    public: bool = False
    open: bool | str = False

    def open_to(self, caller: str) -> bool:
        """Whether he may know of it, whatever he may do with it."""
        return (
            self.public or self.open is True or (isinstance(self.open, str) and caller in self.open.split())
        )

    def expected(self, caller: str) -> str:
        """ok, 401, 403 or 404."""
        if caller == NOBODY:
            return "ok" if self.public else "401"
        if caller in self.but:
            return self.but[caller]
        role, has_place = caller.removeprefix("other_"), "{" in self.route
        if role in self.forbidden.split():
            return "403"
        if role in self.ok.split() and (caller in ROLES or not has_place):
            return "ok"
        return "404" if has_place else "403"


def all_entries() -> dict[str, Entry]:
    """By route. A route with two entries is a mistake."""
    found: dict[str, Entry] = {}
    for path in sorted(Path(__file__).parent.glob("of_*.py")):
        for entry in import_module(f"{__package__}.{path.stem}").ENTRIES:
            assert entry.route not in found, f"{path.name}: {entry.route} has an entry already"
            found[entry.route] = entry
    return found
