"""Who may invite, join, change and remove whom."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.actor import Actor, MemberRole, Role
from platform_api.errors import PlatformError
from platform_api.organisations import rules
from platform_api.organisations.rules import Business, InvitationState, Joiner, JoinsAs

NOW = datetime(2026, 5, 1, tzinfo=UTC)
OWNER = UUID(int=1)


def actor(member_role: MemberRole, role: Role = Role.CARRIER) -> Actor:
    if member_role is MemberRole.OWNER:
        return Actor(OWNER, role)
    return Actor(uuid4(), role, acts_for=OWNER, member_role=member_role)


def code(act: object, *args: object) -> str:
    try:
        act(*args)  # type: ignore[operator]
    except PlatformError as error:
        return error.code
    return ""


@given(st.sampled_from(Role), st.sampled_from(MemberRole), st.sampled_from(JoinsAs))
def test_nobody_makes_somebody_who_may_more_than_himself(role: Role, by: MemberRole, as_: JoinsAs) -> None:
    allowed = code(rules.check_invites, actor(by, role), as_) == ""
    if role not in rules.BUSINESSES:
        assert not allowed
    if as_ is JoinsAs.MANAGER and allowed:
        assert by is MemberRole.OWNER
    if as_ in (JoinsAs.MEMBER, JoinsAs.VIEWER) and allowed:
        assert by in (MemberRole.OWNER, MemberRole.MANAGER)
    if as_ is JoinsAs.DRIVER:
        assert allowed == (role is Role.CARRIER)


@given(st.sampled_from(MemberRole), st.sampled_from(MemberRole), st.sampled_from(MemberRole))
def test_only_the_owner_touches_managers(by: MemberRole, of: MemberRole, to: MemberRole) -> None:
    member = rules.MemberSnapshot(uuid4(), of)
    if code(rules.check_changes, actor(by), member, to) == "":
        assert to is not MemberRole.OWNER
        assert by is MemberRole.OWNER or MemberRole.MANAGER not in (of, to)
    if code(rules.check_removes, actor(by), member) == "":
        assert by is MemberRole.OWNER or (by is MemberRole.MANAGER and of is not MemberRole.MANAGER)


def test_everybody_may_go() -> None:
    for role in (MemberRole.MANAGER, MemberRole.MEMBER, MemberRole.VIEWER):
        me = actor(role)
        rules.check_removes(me, rules.MemberSnapshot(me.user_id, role))


@given(st.sampled_from(InvitationState), st.timedeltas(timedelta(-10), timedelta(10)))
def test_an_invitation_is_answered_while_open_and_before_its_end(
    state: InvitationState, left: timedelta
) -> None:
    invitation = rules.InvitationSnapshot(state, NOW + left)
    refusal = code(rules.check_open, invitation, NOW)
    assert (refusal == "") == (state is InvitationState.OPEN and left > timedelta())


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (InvitationState.OPEN, True),
        (InvitationState.REVOKED, False),
        (InvitationState.EXPIRED, False),
        (InvitationState.ACCEPTED, "invitation_closed"),
        (InvitationState.DECLINED, "invitation_closed"),
    ],
)
def test_what_can_be_revoked(state: InvitationState, outcome: bool | str) -> None:
    invitation = rules.InvitationSnapshot(state, NOW)
    if isinstance(outcome, bool):
        assert rules.revoke(invitation) is outcome
    else:
        assert code(rules.revoke, invitation) == outcome


def joiner(**changes: object) -> Joiner:
    values = {"user_id": uuid4(), "role": Role.CARRIER, "member_of": None, "carrier_id": None, "holdings": ()}
    return Joiner(**(values | changes))  # type: ignore[arg-type]


BUSINESS = Business(OWNER, Role.CARRIER, disabled=False, nobodys=False)


@pytest.mark.parametrize(
    ("who", "business", "refusal"),
    [
        (joiner(), BUSINESS, ""),
        (joiner(role=Role.SHIPPER), BUSINESS, "role_mismatch"),
        (joiner(member_of=uuid4()), BUSINESS, "already_member"),
        (joiner(user_id=OWNER, member_of=OWNER), BUSINESS, "already_member"),
        (joiner(holdings=("vehicles",)), BUSINESS, "own_business_open"),
        (joiner(), Business(OWNER, Role.CARRIER, disabled=True, nobodys=False), "organisation_closed"),
        (joiner(), Business(OWNER, Role.CARRIER, disabled=False, nobodys=True), "organisation_closed"),
    ],
)
def test_who_joins(who: Joiner, business: Business, refusal: str) -> None:
    assert code(rules.check_joins, who, business) == refusal
