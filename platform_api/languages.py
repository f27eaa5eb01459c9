"""The languages that the platform speaks to people, and which one a request asks for."""

from enum import StrEnum

from starlette.requests import HTTPConnection
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header


class Language(StrEnum):
    FRENCH = "fr"
    ENGLISH = "en"


def language_of(connection: HTTPConnection) -> Language:
    return best_language(connection.headers.get("accept-language", ""))


# Wolof, Pulaar, Serer, Jola, Mandinka, Soninke (ISO 639): who reads those reads French rather than English.
_OF_SENEGAL = frozenset({"wo", "ff", "fuc", "srr", "dyo", "mnk", "snk"})


def best_language(accept_language: str) -> Language:
    """RFC 9110 12.5.4; English for a program that asks for nothing, or for anything (`*`)."""
    accepted = parse_accept_header(accept_language, LanguageAccept)
    found = accepted.best_match([Language.ENGLISH.value, Language.FRENCH.value])
    return _second_best(accepted) if found is None else Language(found)


def _second_best(accepted: LanguageAccept) -> Language:
    """For who names neither: none of his own, or a refusal (`en;q=0`)."""
    named = {name.lower().partition("-")[0]: quality for name, quality in accepted}
    refused = {name for name, quality in named.items() if quality == 0}
    if "en" in refused and "fr" not in refused:
        return Language.FRENCH
    return Language.FRENCH if _OF_SENEGAL & (named.keys() - refused) else Language.ENGLISH


def language_headers(language: Language) -> dict[str, str]:
    """Of an answer that holds text for people: caches keep one for each language."""
    return {"Content-Language": language.value, "Vary": "Accept-Language"}


def language_of_texts(connection: HTTPConnection) -> Language:
    """Of what is texted to a person: French unless he asks for something else."""
    asked = connection.headers.get("accept-language")
    return Language.FRENCH if asked is None else best_language(asked)
