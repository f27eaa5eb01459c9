"""A business sends its papers; administrators claim and decide. Every change is an event."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID

from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor, Role
from platform_api.alerts.service import raise_alert
from platform_api.errors import NotFound
from platform_api.files import service as files
from platform_api.files.models import File
from platform_api.kyc import repository, rules
from platform_api.kyc.models import KycDocument, KycEvent, KycPage
from platform_api.kyc.rules import NAMES, Action, Kind, State
from platform_api.pagination import PageQuery
from platform_api.privacy import access
from platform_api.privacy.access import Access


@dataclass(frozen=True, slots=True)
class Shown:
    """A document with its pages, and the events where one document is read."""

    row: KycDocument
    pages: int
    events: list[KycEvent]


@dataclass(frozen=True, slots=True)
class Status:
    role: Role
    verified: bool
    missing: list[list[Kind]]


# Verified or not --------------------------------------------------------------


def status_of(session: Session, party_id: UUID, now: datetime) -> Status:
    """Raises NotFound `party_not_found`."""
    found = repository.valid_kinds(session, [party_id], now.date()).get(party_id)
    if found is None:
        raise NotFound("party_not_found", "There is no such account.")
    role, kinds = Role(found[0]), found[1]
    return Status(role, rules.is_verified(role, kinds), rules.missing(role, kinds))


def verified_of(session: Session, party_ids: Collection[UUID], now: datetime) -> set[UUID]:
    """Which of these parties are verified, in one query."""
    found = repository.valid_kinds(session, party_ids, now.date())
    return {key for key, (role, kinds) in found.items() if rules.is_verified(Role(role), kinds)}


def who_may_deal(session: Session, party_ids: Collection[UUID], now: datetime) -> set[UUID]:
    """Which of these parties may post, bid and carry: where MESS_KYC_REQUIRED is on their papers have to be approved.

    Costs nothing where it is off.
    """
    return verified_of(session, party_ids, now) if get_settings().kyc_required else set(party_ids)


def may_deal(session: Session, party_id: UUID, now: datetime) -> bool:
    return party_id in who_may_deal(session, [party_id], now)


def check_verified(session: Session, party_id: UUID, now: datetime) -> None:
    """Raises Forbidden `not_verified` unless this party `may_deal`."""
    rules.check_verified(verified=may_deal(session, party_id, now))


# The party's side --------------------------------------------------------------


def submit(
    session: Session,
    actor: Actor,
    *,
    kind: Kind,
    number: str,
    expires_on: date | None,
    file_ids: list[UUID],
    now: datetime,
) -> Shown:
    """Send a document for review; one of its kind that still waits is replaced. What is approved stays valid meanwhile.

    Raises Forbidden, Invalid, Conflict `document_not_needed`, NotFound `file_not_found`; two at once end
    in the unique index: Conflict `document_submitted`.
    """
    rules.check_submits(actor, kind)
    plain = rules.normalise_number(kind, number)
    rules.check_expiry(kind, expires_on, now.date())
    used = [files.use(session, actor, file_id, now=now) for file_id in dict.fromkeys(file_ids)]
    earlier = repository.lock_of_kind(session, actor.party_id, kind, State.SUBMITTED)
    if earlier is not None:
        _replace(session, earlier, actor, now)
    row = KycDocument(
        party_id=actor.party_id,
        kind=kind.value,
        number=plain,
        expires_on=expires_on,
        state=State.SUBMITTED.value,
        submitted_by=actor.user_id,
        submitted_at=now,
        reason="",
    )
    session.add(row)
    session.flush()  # pages and events refer to it
    session.add_all(
        KycPage(document_id=row.id, page=page, file_id=file.id) for page, file in enumerate(used, start=1)
    )
    _note(session, row, Action.SUBMITTED, actor, now)
    return _shown(session, row, now)


def _replace(session: Session, row: KycDocument, actor: Actor, now: datetime) -> None:
    row.state = State.REPLACED.value
    _note(session, row, Action.REPLACED, actor, now)
    session.flush()  # one of a kind is a unique index: this before the next


def end_identity(session: Session, party_id: UUID, actor: Actor, *, now: datetime) -> None:
    """Who its owner is has to be proved anew: it is another person now."""
    for kind in sorted(rules.IDENTITY):
        for state in (State.SUBMITTED, State.APPROVED):
            row = repository.lock_of_kind(session, party_id, kind, state)
            if row is not None:
                _replace(session, row, actor, now)


def list_own(session: Session, actor: Actor, query: PageQuery) -> tuple[list[Shown], str | None]:
    rules.check_speaks(actor)
    rows, cursor = repository.page_documents(session, actor.party_id, query)
    return _with_pages(session, rows), cursor


# The reviewers' side -------------------------------------------------------------


def waiting(
    session: Session, actor: Actor, query: PageQuery, *, free: bool, now: datetime
) -> tuple[list[Shown], str | None]:
    """Who waits longest is first; `free`: without what others have in hand."""
    rules.check_reviews(actor)
    rows, cursor = repository.page_queue(session, query, free_for=actor.user_id if free else None, now=now)
    return _with_pages(session, rows), cursor


def list_of(
    session: Session, actor: Actor, party_id: UUID, query: PageQuery, now: datetime
) -> tuple[list[Shown], str | None]:
    """Everything that a party sent; that an administrator read it is noted."""
    rules.check_reviews(actor)
    status_of(session, party_id, now)
    rows, cursor = repository.page_documents(session, party_id, query)
    if rows:
        access.note(session, actor, party_id, Access.PAPERS_READ, now=now)
    return _with_pages(session, rows), cursor


def claim(session: Session, actor: Actor, document_id: UUID, now: datetime) -> Shown:
    """Take it in hand for half an hour: of two reviewers one gets it."""
    row = _locked(session, actor, document_id)
    before = row.claimed_by
    row.claimed_until = rules.claim(_snapshot(row), actor, now)
    row.claimed_by = actor.user_id
    if before != actor.user_id:
        _note(session, row, Action.CLAIMED, actor, now)
    access.note(session, actor, row.party_id, Access.PAPERS_READ, now=now)
    return _shown(session, row, now)


def release(session: Session, actor: Actor, document_id: UUID, now: datetime) -> Shown:
    row = _locked(session, actor, document_id)
    if rules.release(_snapshot(row), actor):
        row.claimed_by = row.claimed_until = None
        _note(session, row, Action.RELEASED, actor, now)
    return _shown(session, row, now)


def approve(session: Session, actor: Actor, document_id: UUID, now: datetime) -> Shown:
    """The approved one of its kind before it is replaced. Raises Invalid `document_expired`."""
    row = _locked(session, actor, document_id)
    rules.check_decides(_snapshot(row), actor)
    rules.check_expiry(Kind(row.kind), row.expires_on, now.date())
    earlier = repository.lock_of_kind(session, row.party_id, Kind(row.kind), State.APPROVED)
    if earlier is not None:
        _replace(session, earlier, actor, now)
    _decide(session, row, actor, State.APPROVED, "", now)
    return _shown(session, row, now)


def reject(session: Session, actor: Actor, document_id: UUID, *, reason: str, now: datetime) -> Shown:
    row = _locked(session, actor, document_id)
    rules.check_decides(_snapshot(row), actor)
    _decide(session, row, actor, State.REJECTED, reason, now)
    return _shown(session, row, now)


def _decide(
    session: Session, row: KycDocument, actor: Actor, state: State, reason: str, now: datetime
) -> None:
    row.state, row.reason = state.value, reason
    row.decided_by, row.decided_at = actor.user_id, now
    row.claimed_by = row.claimed_until = None
    _note(session, row, Action(state.value), actor, now, reason)
    facts = _facts(row) | {"reason": reason}
    raise_alert(session, party_id=row.party_id, kind=f"paper_{state}", at=now, now=now, facts=facts)


# Reading one ---------------------------------------------------------------------


def get_document(session: Session, actor: Actor, document_id: UUID, now: datetime) -> Shown:
    """For its party and administrators; that one of these read it is noted. Raises NotFound `document_not_found`."""
    return _shown(session, _readable(session, actor, document_id, now), now)


def page_file(session: Session, actor: Actor, document_id: UUID, page: int, now: datetime) -> File:
    """Raises NotFound `document_not_found`, `page_not_found`."""
    row = _readable(session, actor, document_id, now)
    for found in repository.pages_of(session, [row.id])[row.id]:
        if found.page == page:
            return files.get(session, found.file_id)
    raise NotFound("page_not_found", "This document has no such page.")


def _readable(session: Session, actor: Actor, document_id: UUID, now: datetime) -> KycDocument:
    if not actor.is_administrator:
        rules.check_speaks(actor)
    own = None if actor.is_administrator else actor.party_id
    row = repository.find_document(session, document_id, party_id=own)
    if row is None:
        raise _no_document()
    if row.party_id != actor.party_id:
        access.note(session, actor, row.party_id, Access.PAPERS_READ, now=now)
    return row


def _locked(session: Session, actor: Actor, document_id: UUID) -> KycDocument:
    rules.check_reviews(actor)
    row = repository.lock_document(session, document_id)
    if row is None:
        raise _no_document()
    return row


def _no_document() -> NotFound:
    return NotFound("document_not_found", "There is no such document.")


def _snapshot(row: KycDocument) -> rules.DocumentSnapshot:
    return rules.DocumentSnapshot(
        row.party_id, row.submitted_by, State(row.state), row.claimed_by, row.claimed_until
    )


def _facts(row: KycDocument) -> dict[str, str]:
    """Of an alert, which everybody of the party reads: no number."""
    french, english = NAMES[Kind(row.kind)]
    return {"paper_fr": french, "paper_en": english}


def _note(
    session: Session, row: KycDocument, action: Action, actor: Actor, now: datetime, reason: str = ""
) -> None:
    session.add(
        KycEvent(document_id=row.id, action=action.value, actor_id=actor.user_id, at=now, reason=reason)
    )


def _with_pages(session: Session, rows: list[KycDocument]) -> list[Shown]:
    pages = repository.pages_of(session, [row.id for row in rows])
    return [Shown(row, len(pages[row.id]), []) for row in rows]


def _shown(session: Session, row: KycDocument, now: datetime) -> Shown:
    session.flush()
    pages = repository.pages_of(session, [row.id])[row.id]
    return Shown(row, len(pages), list(repository.events_of(session, row.id)))


# Background ----------------------------------------------------------------------


def remind(session: Session, now: datetime) -> int:
    """Tell parties of approved papers that end soon, once each; how many."""
    today = now.date()
    rows = repository.expiring(session, first=today, last=today + rules.REMIND_BEFORE)
    for row in rows:
        assert row.expires_on is not None  # the query's own condition
        raise_alert(
            session,
            party_id=row.party_id,
            kind="paper_expires",
            at=datetime.combine(row.expires_on, time(), UTC),
            now=now,
            facts=_facts(row) | {"expires_on": str(row.expires_on)},
            dedup=f"paper {row.id} expires",
        )
    return len(rows)


def erase(session: Session, party_id: UUID, kinds: Collection[Kind] = tuple(Kind)) -> int:
    """Papers of somebody who is erased, and the files of their pages; how many."""
    count, file_ids = repository.erase_of(session, party_id, kinds)
    files.drop(session, file_ids)
    return count
