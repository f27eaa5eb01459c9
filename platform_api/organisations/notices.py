"""What who is invited is texted."""

import re

from platform_api.languages import Language
from platform_api.organisations.rules import JoinsAs

PURPOSE = "invitation"
MAX_NAME_CHARS = 40
_NOT_IN_A_NAME = re.compile(r"[^\w &'-]+")
_FRENCH = "MESS : {name} vous invite à {what}. Répondez dans l'application sous 7 jours."
_ENGLISH = "MESS: {name} invites you to {what}. Answer in the app within 7 days."


def plain_name(name: str) -> str:
    """A name that anybody can give himself carries no link."""
    return _NOT_IN_A_NAME.sub(" ", name)[:MAX_NAME_CHARS].strip()


def text_of(business_name: str, joins_as: JoinsAs, language: Language) -> str:
    """One text message."""
    name = plain_name(business_name)
    driver = joins_as is JoinsAs.DRIVER
    if language is Language.FRENCH:
        return _FRENCH.format(name=name, what="devenir son chauffeur" if driver else "rejoindre son équipe")
    return _ENGLISH.format(name=name, what="become their driver" if driver else "join their team")
