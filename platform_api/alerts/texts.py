"""Every kind of alert: how grave it is, and what it says in French and in English.

One TOML file a feature in `texts/`, one table a kind:

    [late_arrival]
    severity = "warning"
    fr = { title = "Retard à la livraison", detail = "Arrivée prévue à {eta_at}." }
    en = { title = "Late at the delivery", detail = "Expected at {eta_at}." }

Texts name the facts that the alert is raised with. A fact whose name ends in `_at` is a time
(RFC 3339) and is shown as people in Senegal read a clock, which is UTC all year.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from platform_api.languages import Language

SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Text:
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Kind:
    severity: str
    texts: Mapping[Language, Text]


@lru_cache
def kinds() -> Mapping[str, Kind]:
    """By name. Raises ValueError when two files hold the same kind, or a severity is none."""
    found: dict[str, Kind] = {}
    for path in sorted((Path(__file__).parent / "texts").glob("*.toml")):
        for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if name in found or entry["severity"] not in SEVERITIES:
                raise ValueError(f"{path.name}: {name} is there already, or has no known severity")
            texts = {language: Text(**entry[language]) for language in Language}
            found[name] = Kind(entry["severity"], MappingProxyType(texts))
    return MappingProxyType(found)


def render(kind: str, facts: Mapping[str, Any], language: Language) -> Text:
    """Raises KeyError for a kind that is not in the catalogue, or a fact that its text names and nobody gave."""
    text = kinds()[kind].texts[language]
    shown = {name: _shown(name, value, language) for name, value in facts.items()}
    return Text(text.title.format_map(shown), text.detail.format_map(shown))


def _shown(name: str, value: object, language: Language) -> object:
    if name.endswith("_at") and isinstance(value, str):
        time = datetime.fromisoformat(value).astimezone(UTC)
        return time.strftime("%d/%m/%Y à %H:%M" if language is Language.FRENCH else "%d/%m/%Y %H:%M")
    # An erased position.
    return "—" if value is None else value
