"""Decisions about handing a business over: who offers it, who may take it, for how long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from platform_api.actor import Actor, MemberRole
from platform_api.errors import Conflict, Forbidden
from platform_api.organisations.rules import check_business

VALID = timedelta(days=7)


class OfferState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class OfferSnapshot:
    from_user: UUID
    to_user: UUID
    state: OfferState
    expires_at: datetime


def check_owns(actor: Actor) -> None:
    """Raises Forbidden `role_not_allowed`, `not_the_owner`."""
    check_business(actor)
    if actor.member_role is not MemberRole.OWNER:
        raise Forbidden("not_the_owner", "Only the owner hands a business over.")


def check_named(company_name: str) -> None:
    """Until it has a name of its own, a business goes by that of its founder."""
    if not company_name.strip():
        raise Conflict("company_name_missing", "First give the business a name: company_name of its profile.")


def check_open(offer: OfferSnapshot, now: datetime) -> None:
    """May it still be answered? Raises Conflict `handover_expired`, `handover_closed`."""
    lapsed = offer.state is OfferState.OPEN and now >= offer.expires_at
    if offer.state is OfferState.EXPIRED or lapsed:
        raise Conflict("handover_expired", "This offer has expired.")
    if offer.state is not OfferState.OPEN:
        raise Conflict("handover_closed", f"This offer was {offer.state} before.")


def check_still_his(offer: OfferSnapshot, *, owner: UUID, is_member: bool) -> None:
    """He who offered it owns it, and whom he named works there. Raises Conflict `handover_closed`."""
    if owner != offer.from_user or not is_member:
        raise Conflict("handover_closed", "This offer holds no longer.")


def withdraw(offer: OfferSnapshot) -> bool:
    """True = nobody can take it any more; False = so it was before. Raises Conflict `handover_closed`."""
    if offer.state in (OfferState.ACCEPTED, OfferState.DECLINED):
        raise Conflict("handover_closed", f"This offer was {offer.state} before.")
    return offer.state is OfferState.OPEN
