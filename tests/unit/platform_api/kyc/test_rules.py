"""What proves whom, and who decides."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.actor import Actor, MemberRole, Role
from platform_api.errors import Invalid, PlatformError
from platform_api.kyc import rules
from platform_api.kyc.rules import DocumentSnapshot, Kind, State

NOW = datetime(2026, 5, 1, tzinfo=UTC)
REVIEWER = Actor(uuid4(), Role.ADMINISTRATOR)
PARTY = uuid4()


def code(act: object, *args: object) -> str:
    try:
        act(*args)  # type: ignore[operator]
    except PlatformError as error:
        return error.code
    return ""


def document(
    state: State = State.SUBMITTED, holder: UUID | None = None, until: datetime | None = None
) -> DocumentSnapshot:
    return DocumentSnapshot(PARTY, PARTY, state, holder, until)


@given(st.sampled_from(Role), st.sets(st.sampled_from(Kind)))
def test_verified_is_when_nothing_is_missing_and_more_never_harms(role: Role, kinds: set[Kind]) -> None:
    verified = rules.is_verified(role, kinds)
    assert verified == (role is not Role.ADMINISTRATOR and rules.missing(role, kinds) == [])
    if verified:
        assert rules.is_verified(role, set(Kind))


@pytest.mark.parametrize("role", list(rules.REQUIRED))
def test_what_is_required_can_be_sent(role: Role) -> None:
    assert all(options <= rules.TAKEN[role] for options in rules.REQUIRED[role])
    assert rules.is_verified(role, rules.TAKEN[role])
    assert not rules.is_verified(role, set())


def test_every_kind_has_names() -> None:
    assert rules.NAMES.keys() == set(Kind)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("member_role", list(MemberRole))
def test_who_sends_papers(role: Role, member_role: MemberRole) -> None:
    acts_for = None if member_role is MemberRole.OWNER else PARTY
    actor = Actor(uuid4(), role, acts_for=acts_for, member_role=member_role)
    allowed = code(rules.check_submits, actor, Kind.IDENTITY_CARD) == ""
    manages = member_role in (MemberRole.OWNER, MemberRole.MANAGER)
    assert allowed == (role is not Role.ADMINISTRATOR and manages)


@given(st.sampled_from(State), st.none() | st.just(REVIEWER.user_id) | st.uuids(), st.booleans())
def test_a_document_is_one_reviewers(state: State, holder: UUID | None, lapsed: bool) -> None:
    until = None if holder is None else NOW + (-1 if lapsed else 1) * timedelta(minutes=1)
    shown = document(state, holder, until)
    claims = code(rules.claim, shown, REVIEWER, NOW)
    decides = code(rules.check_decides, shown, REVIEWER)
    if state is not State.SUBMITTED:
        assert claims == decides == "document_decided"
        return
    assert (decides == "") == (holder == REVIEWER.user_id)
    assert (claims == "") == (holder in (None, REVIEWER.user_id) or lapsed)


def test_nobody_reviews_his_own_and_nobody_else_reviews() -> None:
    himself = Actor(PARTY, Role.CARRIER, is_superuser=True)
    for rule in (rules.check_decides, lambda shown, actor: rules.claim(shown, actor, NOW)):
        assert code(rule, document(holder=PARTY), himself) == "own_document"
        assert code(rule, document(holder=PARTY), Actor(PARTY, Role.CARRIER)) == "role_not_allowed"


TODAY = date(2026, 5, 1)


@pytest.mark.parametrize(
    ("kind", "expires_on", "refusal"),
    [
        (Kind.PASSPORT, TODAY, ""),
        (Kind.PASSPORT, TODAY - timedelta(days=1), "document_expired"),
        (Kind.PASSPORT, None, "expiry_missing"),
        (Kind.NINEA, None, ""),
        (Kind.RCCM, TODAY - timedelta(days=1), "document_expired"),
        (Kind.PASSPORT, date(2099, 1, 1), "invalid_document_expiry"),
    ],
)
def test_until_when(kind: Kind, expires_on: date | None, refusal: str) -> None:
    assert code(rules.check_expiry, kind, expires_on, TODAY) == refusal


@given(st.sampled_from(Kind), st.text(max_size=50))
def test_a_number_is_refused_or_kept_in_one_spelling(kind: Kind, text: str) -> None:
    try:
        kept = rules.normalise_number(kind, text)
    except Invalid:
        return
    assert rules.normalise_number(kind, kept) == kept
