"""Every error code of the API: its HTTP status, and what it says in English and in French.

One TOML file a feature, one table a code:

    [order_not_found]
    status = 404
    en = "There is no such order."
    fr = "Cette commande n'existe pas."

`en` describes the code on the OpenAPI page; what an English reader gets is the `detail` that was
raised, which may say more. `fr` may name values that the error was raised with: `{status}`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from platform_api.errors import PlatformError


@dataclass(frozen=True, slots=True)
class Code:
    status: int
    en: str
    fr: str


@lru_cache
def by_feature() -> Mapping[str, Mapping[str, Code]]:
    """Feature (the file's name) -> code -> what it means."""
    files = sorted(Path(__file__).parent.glob("*.toml"))
    return MappingProxyType({path.stem: _read(path) for path in files})


def _read(path: Path) -> Mapping[str, Code]:
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    return MappingProxyType({name: Code(**entry) for name, entry in entries.items()})


@lru_cache
def catalogue() -> Mapping[str, Code]:
    """By code. Raises ValueError when two files hold the same code."""
    found: dict[str, Code] = {}
    for feature, codes in by_feature().items():
        for name, code in codes.items():
            if name in found:
                raise ValueError(f"{feature}.toml: {name} is in the catalogue already")
            found[name] = code
    return MappingProxyType(found)


def french(error: PlatformError) -> str | None:
    """What the catalogue says of this error in French; None when it does not know the code."""
    return french_text(error.code, error.values)


def french_text(code: str, values: Mapping[str, object] = MappingProxyType({})) -> str | None:
    """None also without the values that the text names: a contract test finds it, a reader gets English."""
    entry = catalogue().get(code)
    try:
        return None if entry is None else entry.fr.format_map(values)
    except (KeyError, IndexError):
        return None
