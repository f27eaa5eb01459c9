"""What people and businesses say of themselves, in one spelling however it is typed. Pure."""

import re
import unicodedata
from types import MappingProxyType

from platform_api.actor import Actor
from platform_api.errors import Forbidden, Invalid, NotFound
from platform_api.organisations.rules import BUSINESSES

MAX_EMAIL_CHARS = 254
# ISO 3166-2:SN
REGIONS = MappingProxyType(
    {
        "SN-DK": "Dakar",
        "SN-DB": "Diourbel",
        "SN-FK": "Fatick",
        "SN-KA": "Kaffrine",
        "SN-KL": "Kaolack",
        "SN-KE": "Kédougou",
        "SN-KD": "Kolda",
        "SN-LG": "Louga",
        "SN-MT": "Matam",
        "SN-SL": "Saint-Louis",
        "SN-SE": "Sédhiou",
        "SN-TC": "Tambacounda",
        "SN-TH": "Thiès",
        "SN-ZG": "Ziguinchor",
    }
)
# Deliverable is what the mailbox shows; this only finds slips (RFC 5321 4.5.3 gives the lengths).
_EMAIL = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,64}@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,63}")
# 7 digits, or 9 with leading zeros; then the COFI: tax regime 0-2, tax office, legal form.
_NINEA = re.compile(r"([0-9]{7}|[0-9]{9})([0-2][A-Z][0-9])?")
# OHADA's register of trade: country, court, year, kind, number; since 2011 some have a class of registry before the
# year and a serial of digits after the kind.
_RCCM = re.compile(r"([A-Z]{2})([A-Z]{3})([0-9]{2})?([12][0-9]{3})([A-Z])([0-9]{2})?([0-9]{1,6})")


def normalise_email(text: str) -> str:
    """The domain in small letters; raises Invalid `invalid_email`."""
    local, at, domain = text.strip().rpartition("@")
    email = f"{local}{at}{domain.lower()}"
    if len(email) > MAX_EMAIL_CHARS or not _EMAIL.fullmatch(email):
        raise Invalid("invalid_email", "This is not an e-mail address.")
    return email


def _letters_and_digits(text: str) -> str:
    return re.sub(r"[^0-9A-Z]", "", unicodedata.normalize("NFKC", text).upper())


def normalise_ninea(text: str) -> str:
    """`005 144 788 / 2g3` is `005144788 2G3`; raises Invalid `invalid_ninea`.

    The form alone: the certificate proves the number, and a wrong guess of its check digit would shut out a business.
    """
    match = _NINEA.fullmatch(_letters_and_digits(text))
    if match is None:
        raise Invalid("invalid_ninea", "A NINEA has 7 or 9 digits, and may have a COFI such as 2G3 behind.")
    number, cofi = match.groups()
    return f"{number} {cofi}" if cofi else number


def normalise_rccm(text: str) -> str:
    """`sn.dkr.2015 b 1234` is `SN-DKR-2015-B-1234`; raises Invalid `invalid_rccm`."""
    plain = unicodedata.normalize("NFKC", text).upper().removeprefix("RCCM")
    match = _RCCM.fullmatch(_letters_and_digits(plain))
    if match is None:
        raise Invalid("invalid_rccm", "An RCCM looks like SN-DKR-2015-B-1234.")
    country, court, registry, year, kind, serial, number = match.groups()
    # A long number is one number: only a registry before the year tells that there is a serial.
    if registry is None and serial is not None:
        serial, number = None, f"{serial}{number}"
    parts = [country, court, registry, year, f"{kind}{serial or ''}", number]
    return "-".join(part for part in parts if part)


def normalise_region(text: str) -> str:
    """The code of a region by its code or name: `dk`, `SN-DK`, `Thies`; raises Invalid `invalid_region`."""
    plain = _plain(text)
    for code, name in REGIONS.items():
        if plain in (_plain(code), _plain(code.removeprefix("SN-")), _plain(name)):
            return code
    raise Invalid("invalid_region", "This is no region of Senegal; ISO 3166-2 codes such as SN-DK.")


def _plain(text: str) -> str:
    """Without accents, signs and case."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed.casefold() if character.isalnum())


def check_changes_business(actor: Actor) -> None:
    """Who speaks for the business? Raises Forbidden `role_not_allowed`, `managers_only`."""
    if actor.role not in BUSINESSES:
        raise Forbidden("role_not_allowed", "Only shippers, carriers and brokers have a business.")
    if not actor.manages:
        raise Forbidden("managers_only", "Only for the owner and managers of the organisation.")


def check_public(*, is_business: bool, disabled: bool, is_member: bool) -> None:
    """What the market may know of: businesses, not people. Raises NotFound `profile_not_found`."""
    if not is_business or disabled or is_member:
        raise NotFound("profile_not_found", "There is no such business.")
