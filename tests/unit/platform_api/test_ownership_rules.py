"""Who offers a business, who may take it, until when."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from platform_api.actor import Actor, MemberRole, Role
from platform_api.errors import PlatformError
from platform_api.ownership import rules
from platform_api.ownership.rules import OfferSnapshot, OfferState

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
OWNER, MEMBER = uuid4(), uuid4()


def offer(state: OfferState = OfferState.OPEN, *, left: timedelta = timedelta(days=1)) -> OfferSnapshot:
    return OfferSnapshot(OWNER, MEMBER, state, NOW + left)


@pytest.mark.parametrize("role", MemberRole)
def test_the_owner_alone_offers(role: MemberRole) -> None:
    actor = Actor(OWNER, Role.CARRIER, member_role=role)
    if role is MemberRole.OWNER:
        rules.check_owns(actor)
    else:
        with pytest.raises(PlatformError, match="Only the owner"):
            rules.check_owns(actor)


def test_a_driver_has_no_business() -> None:
    with pytest.raises(PlatformError) as refused:
        rules.check_owns(Actor(OWNER, Role.DRIVER))
    assert refused.value.code == "role_not_allowed"


@pytest.mark.parametrize("name", ["", " "])
def test_without_a_name_it_is_not_offered(name: str) -> None:
    rules.check_named("Teranga")
    with pytest.raises(PlatformError) as refused:
        rules.check_named(name)
    assert refused.value.code == "company_name_missing"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (offer(), None),
        (offer(left=timedelta()), "handover_expired"),
        (offer(OfferState.EXPIRED), "handover_expired"),
        (offer(OfferState.ACCEPTED), "handover_closed"),
        (offer(OfferState.DECLINED), "handover_closed"),
        (offer(OfferState.WITHDRAWN, left=timedelta(days=-1)), "handover_closed"),
    ],
)
def test_how_long_it_can_be_answered(given: OfferSnapshot, code: str | None) -> None:
    if code is None:
        rules.check_open(given, NOW)
        return
    with pytest.raises(PlatformError) as refused:
        rules.check_open(given, NOW)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("owner", "is_member", "holds"), [(OWNER, True, True), (OWNER, False, False), (MEMBER, True, False)]
)
def test_it_holds_as_long_as_both_are_who_they_were(owner: object, is_member: bool, holds: bool) -> None:
    if holds:
        rules.check_still_his(offer(), owner=OWNER, is_member=is_member)
        return
    with pytest.raises(PlatformError) as refused:
        rules.check_still_his(offer(), owner=owner, is_member=is_member)  # type: ignore[arg-type]
    assert refused.value.code == "handover_closed"


def test_it_is_withdrawn_until_it_was_answered() -> None:
    assert rules.withdraw(offer())
    assert not rules.withdraw(offer(OfferState.WITHDRAWN))
    assert not rules.withdraw(offer(OfferState.EXPIRED))
    for state in (OfferState.ACCEPTED, OfferState.DECLINED):
        with pytest.raises(PlatformError) as refused:
            rules.withdraw(offer(state))
        assert refused.value.code == "handover_closed"
