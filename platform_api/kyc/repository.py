"""Queries over documents; each starts from whose they are, or from the queue of reviewers."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.kyc.models import KycDocument, KycEvent, KycPage
from platform_api.kyc.rules import Kind, State
from platform_api.pagination import PageQuery, fetch_page


def find_document(session: Session, document_id: UUID, *, party_id: UUID | None) -> KycDocument | None:
    """`party_id` None: for reviewers, whosever it is."""
    statement = select(KycDocument).where(KycDocument.id == document_id)
    if party_id is not None:
        statement = statement.where(KycDocument.party_id == party_id)
    return session.scalar(statement)


def lock_document(session: Session, document_id: UUID) -> KycDocument | None:
    statement = select(KycDocument).where(KycDocument.id == document_id).with_for_update()
    return session.scalar(statement.execution_options(populate_existing=True))


def lock_of_kind(session: Session, party_id: UUID, kind: Kind, state: State) -> KycDocument | None:
    """There is one at most: a unique index."""
    statement = select(KycDocument).where(
        KycDocument.party_id == party_id, KycDocument.kind == kind.value, KycDocument.state == state.value
    )
    return session.scalar(statement.with_for_update().execution_options(populate_existing=True))


def page_documents(
    session: Session, party_id: UUID, query: PageQuery
) -> tuple[list[KycDocument], str | None]:
    statement = select(KycDocument).where(KycDocument.party_id == party_id)
    return fetch_page(session, statement, (KycDocument.submitted_at, KycDocument.id), query)


def page_queue(
    session: Session, query: PageQuery, *, free_for: UUID | None, now: datetime
) -> tuple[list[KycDocument], str | None]:
    """Who waits longest is first. `free_for`: only those that this reviewer may take."""
    statement = select(KycDocument).where(KycDocument.state == State.SUBMITTED.value)
    if free_for is not None:
        statement = statement.where(
            or_(
                KycDocument.claimed_by.is_(None),
                KycDocument.claimed_by == free_for,
                KycDocument.claimed_until <= now,
            )
        )
    key = (KycDocument.submitted_at, KycDocument.id)
    return fetch_page(session, statement, key, query, newest_first=False)


def pages_of(session: Session, document_ids: Collection[UUID]) -> Mapping[UUID, list[KycPage]]:
    statement = select(KycPage).where(KycPage.document_id.in_(document_ids)).order_by(KycPage.page)
    found: dict[UUID, list[KycPage]] = {key: [] for key in document_ids}
    for page in session.scalars(statement):
        found[page.document_id].append(page)
    return found


def events_of(session: Session, document_id: UUID) -> Sequence[KycEvent]:
    statement = select(KycEvent).where(KycEvent.document_id == document_id).order_by(KycEvent.id)
    return session.scalars(statement).all()


def _valid(today: date) -> ColumnElement[bool]:
    fresh = or_(KycDocument.expires_on.is_(None), KycDocument.expires_on >= today)
    return (KycDocument.state == State.APPROVED.value) & fresh


def valid_kinds(
    session: Session, party_ids: Collection[UUID], today: date
) -> Mapping[UUID, tuple[str, set[Kind]]]:
    """Role, and kinds approved and not expired, of each party: one query."""
    statement = (
        select(User.id, User.role, KycDocument.kind)
        .outerjoin(KycDocument, (KycDocument.party_id == User.id) & _valid(today))
        .where(User.id.in_(set(party_ids)))
    )
    found: dict[UUID, tuple[str, set[Kind]]] = {}
    for user_id, role, kind in session.execute(statement):
        kinds = found.setdefault(user_id, (role, set()))[1]
        if kind is not None:
            kinds.add(Kind(kind))
    return found


def expiring(session: Session, *, first: date, last: date) -> Sequence[KycDocument]:
    """Approved ones that end in these days, both included."""
    statement = select(KycDocument).where(
        KycDocument.state == State.APPROVED.value, KycDocument.expires_on.between(first, last)
    )
    return session.scalars(statement.order_by(KycDocument.id)).all()


def erase_of(session: Session, party_id: UUID, kinds: Collection[Kind]) -> tuple[int, list[UUID]]:
    """How many documents went, and the files that were their pages."""
    his = (KycDocument.party_id == party_id, KycDocument.kind.in_(kinds))
    of_party = select(KycDocument.id).where(*his)
    files = list(session.scalars(select(KycPage.file_id).where(KycPage.document_id.in_(of_party))))
    gone = session.scalars(delete(KycDocument).where(*his).returning(KycDocument.id))
    return len(gone.all()), files
