"""Know your customer: which papers prove whom, what their numbers look like, and who decides on them. Pure.

Papers as in Senegal: CNI (biometric ECOWAS card), NINEA, RCCM, quitus fiscal, carte d'agrément de
transport (décret 2004-13, loi 2002-30), licence de transport, RIB.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Invalid
from platform_api.profiles.rules import normalise_ninea, normalise_rccm

MAX_PAGES = 4
# A reviewer who went home does not keep a document from his colleagues.
CLAIM_HOLDS = timedelta(minutes=30)
MAX_VALID = timedelta(days=366 * 20)
# How long before its end its owner is told.
REMIND_BEFORE = timedelta(days=30)


class Kind(StrEnum):
    IDENTITY_CARD = "identity_card"
    PASSPORT = "passport"
    NINEA = "ninea"
    RCCM = "rccm"
    TAX_CLEARANCE = "tax_clearance"
    TRANSPORT_APPROVAL = "transport_approval"
    TRANSPORT_LICENCE = "transport_licence"
    BANK_DETAILS = "bank_details"


# French, English
NAMES = MappingProxyType(
    {
        Kind.IDENTITY_CARD: ("carte d'identité", "identity card"),
        Kind.PASSPORT: ("passeport", "passport"),
        Kind.NINEA: ("NINEA", "NINEA"),
        Kind.RCCM: ("RCCM", "RCCM"),
        Kind.TAX_CLEARANCE: ("quitus fiscal", "tax clearance"),
        Kind.TRANSPORT_APPROVAL: ("carte d'agrément de transport", "transport approval"),
        Kind.TRANSPORT_LICENCE: ("licence de transport", "transport licence"),
        Kind.BANK_DETAILS: ("RIB", "bank details"),
    }
)


class State(StrEnum):
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    # by a newer one of its kind
    REPLACED = "replaced"


class Action(StrEnum):
    SUBMITTED = "submitted"
    CLAIMED = "claimed"
    RELEASED = "released"
    APPROVED = "approved"
    REJECTED = "rejected"
    REPLACED = "replaced"


IDENTITY = frozenset({Kind.IDENTITY_CARD, Kind.PASSPORT})
_COMPANY = frozenset({Kind.NINEA, Kind.RCCM, Kind.TAX_CLEARANCE, Kind.BANK_DETAILS})
_TRANSPORT = frozenset({Kind.TRANSPORT_APPROVAL, Kind.TRANSPORT_LICENCE})
TAKEN = MappingProxyType(
    {
        Role.SHIPPER: IDENTITY | _COMPANY,
        Role.BROKER: IDENTITY | _COMPANY | _TRANSPORT,
        Role.CARRIER: IDENTITY | _COMPANY | _TRANSPORT,
        Role.DRIVER: IDENTITY,
    }
)
# One of each set. A private person may ship; many carriers are one man with a truck, who has a NINEA
# and the approval, and no entry in the register of trade.
REQUIRED = MappingProxyType(
    {
        Role.SHIPPER: (IDENTITY,),
        Role.BROKER: (IDENTITY, frozenset({Kind.NINEA}), frozenset({Kind.RCCM})),
        Role.CARRIER: (IDENTITY, frozenset({Kind.NINEA}), frozenset({Kind.TRANSPORT_APPROVAL})),
        Role.DRIVER: (IDENTITY,),
    }
)
EXPIRES = frozenset({Kind.IDENTITY_CARD, Kind.PASSPORT, Kind.TAX_CLEARANCE, Kind.TRANSPORT_LICENCE})
_NUMBERS = MappingProxyType(
    {
        # ECOWAS card 13 to 17 digits; passport of any State; others as their offices write them
        Kind.IDENTITY_CARD: re.compile(r"[0-9]{13,17}"),
        Kind.PASSPORT: re.compile(r"[A-Z0-9]{5,15}"),
    }
)
_OTHER_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9 ./-]{1,38}[A-Z0-9]")


def normalise_number(kind: Kind, text: str) -> str:
    """One spelling; raises Invalid `invalid_document_number`, `invalid_ninea`, `invalid_rccm`."""
    if kind is Kind.NINEA:
        return normalise_ninea(text)
    if kind is Kind.RCCM:
        return normalise_rccm(text)
    plain = " ".join(unicodedata.normalize("NFKC", text).upper().split())
    form = _NUMBERS.get(kind)
    number = plain if form is None else re.sub(r"[ ./-]", "", plain)
    if not (form or _OTHER_NUMBER).fullmatch(number):
        raise Invalid("invalid_document_number", "This is not what the number of such a document looks like.")
    return number


def check_submits(actor: Actor, kind: Kind) -> None:
    """Raises Forbidden `managers_only`, Conflict `document_not_needed`."""
    check_speaks(actor)
    if kind not in TAKEN[actor.role]:
        raise Conflict("document_not_needed", f"A {actor.role} does not prove himself by this document.")


def check_speaks(actor: Actor) -> None:
    """Papers have what is personal of the owner: not for all who work for him."""
    if actor.role not in TAKEN:
        raise Forbidden("role_not_allowed", "An administrator has no papers to send.")
    if not actor.manages:
        raise Forbidden("managers_only", "Only for the owner and managers of the organisation.")


def check_reviews(actor: Actor) -> None:
    if not actor.is_administrator:
        raise Forbidden("role_not_allowed", "Only for administrators.")


def check_expiry(kind: Kind, expires_on: date | None, today: date) -> None:
    """Raises Invalid `expiry_missing`, `document_expired`, `invalid_document_expiry`."""
    if expires_on is None:
        if kind in EXPIRES:
            raise Invalid("expiry_missing", "Such a document has an end: expires_on.")
        return
    if expires_on < today:
        raise Invalid("document_expired", "This document has expired.")
    if expires_on > today + MAX_VALID:
        raise Invalid("invalid_document_expiry", "No document is valid for that long.")


@dataclass(frozen=True, slots=True)
class DocumentSnapshot:
    party_id: UUID
    submitted_by: UUID
    state: State
    claimed_by: UUID | None
    claimed_until: datetime | None


def claim(document: DocumentSnapshot, actor: Actor, now: datetime) -> datetime:
    """Until when it is this reviewer's; again prolongs.

    Raises Forbidden, Conflict `document_decided`, `document_claimed`.
    """
    _check_may_judge(document, actor)
    if _held_by_another(document, actor, now):
        raise Conflict("document_claimed", "Another reviewer has this document in hand.")
    return now + CLAIM_HOLDS


def release(document: DocumentSnapshot, actor: Actor) -> bool:
    """True = it is anybody's again; False = it was not this reviewer's."""
    check_reviews(actor)
    return document.state is State.SUBMITTED and document.claimed_by == actor.user_id


def check_decides(document: DocumentSnapshot, actor: Actor) -> None:
    """Raises Forbidden, Conflict `document_decided`, `document_not_claimed`.

    A claim that lapsed is good until somebody else has it: nothing was decided meanwhile.
    """
    _check_may_judge(document, actor)
    if document.claimed_by != actor.user_id:
        raise Conflict("document_not_claimed", "First take this document in hand.")


def _check_may_judge(document: DocumentSnapshot, actor: Actor) -> None:
    check_reviews(actor)
    if actor.party_id == document.party_id or actor.user_id == document.submitted_by:
        raise Forbidden("own_document", "Nobody decides on papers of his own.")
    if document.state is not State.SUBMITTED:
        raise Conflict("document_decided", f"This document is {document.state} already.")


def _held_by_another(document: DocumentSnapshot, actor: Actor, now: datetime) -> bool:
    holder, until = document.claimed_by, document.claimed_until
    return holder not in (None, actor.user_id) and until is not None and now < until


def missing(role: Role, valid: Collection[Kind]) -> list[list[Kind]]:
    """What is still to be proved: one of each. `valid`: kinds approved and not expired. Nothing of administrators."""
    return [sorted(options) for options in REQUIRED.get(role, ()) if options.isdisjoint(valid)]


def is_verified(role: Role, valid: Collection[Kind]) -> bool:
    return role in REQUIRED and not missing(role, valid)


def check_verified(*, verified: bool) -> None:
    """May this party post and bid? Raises Forbidden `not_verified`."""
    if not verified:
        raise Forbidden("not_verified", "First the papers of this business must be approved.")
