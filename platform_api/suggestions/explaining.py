"""Why a truck is suggested, in words."""

from collections.abc import Callable, Mapping

from platform_api.languages import Language
from platform_api.suggestions.rules import Part, Score

_DIRECTIONS: Mapping[str | None, tuple[str, str]] = {
    "unloads_near": ("décharge près de l'enlèvement : évite un retour à vide", "unloads near the pickup: no empty return"),
    "return_load": ("la livraison le ramène d'où il vient", "the delivery takes it back to where it came from"),
    "drives_there": ("roule vers l'enlèvement", "drives towards the pickup"),
    None: ("direction sans avantage", "no advantage of direction"),
}  # fmt: skip


def _fit(facts: Mapping[str, object]) -> tuple[str, str]:
    kind = ("type demandé, ", "type asked for, ") if facts["same_type"] else ("", "")
    if facts["filled_percent"] is None:
        return f"{kind[0]}remplissage inconnu", f"{kind[1]}use of its capacity unknown"
    return f"{kind[0]}rempli à {facts['filled_percent']} %", f"{kind[1]}filled to {facts['filled_percent']} %"


def _distance(facts: Mapping[str, object]) -> tuple[str, str]:
    return f"à {facts['km']} km de l'enlèvement", f"{facts['km']} km from the pickup"


def _direction(facts: Mapping[str, object]) -> tuple[str, str]:
    why = facts["why"]
    return _DIRECTIONS[why if isinstance(why, str) else None]


def _freshness(facts: Mapping[str, object]) -> tuple[str, str]:
    if facts["minutes"] is None:
        return "en route pour un autre transport", "under way with another load"
    return f"position vue il y a {facts['minutes']} min", f"position seen {facts['minutes']} min ago"


def _history(facts: Mapping[str, object]) -> tuple[str, str]:
    return f"{facts['loads']} transport(s) livré(s) pour vous", f"{facts['loads']} load(s) delivered for you"


def _reliability(facts: Mapping[str, object]) -> tuple[str, str]:
    if facts["percent"] is None:
        return "fiabilité encore inconnue", "reliability not known yet"
    return (
        f"{facts['percent']} % des derniers transports tenus",
        f"{facts['percent']} % of its last loads kept",
    )


# To the words in French, and in English.
_WORDS: Mapping[Part, Callable[[Mapping[str, object]], tuple[str, str]]] = {
    Part.DISTANCE: _distance,
    Part.FIT: _fit,
    Part.DIRECTION: _direction,
    Part.FRESHNESS: _freshness,
    Part.HISTORY: _history,
    Part.RELIABILITY: _reliability,
}


def explain(score: Score, language: Language) -> str:
    french, english = _WORDS[score.part](score.facts)
    return french if language is Language.FRENCH else english
