"""Queries over links, and what of an order they show."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from platform_api.pagination import PageQuery, fetch_page
from platform_api.tracking_links.models import TrackingLink


def list_links(session: Session, order_id: UUID, query: PageQuery) -> tuple[list[TrackingLink], str | None]:
    statement = select(TrackingLink).where(TrackingLink.order_id == order_id)
    return fetch_page(session, statement, (TrackingLink.created_at, TrackingLink.id), query)


def find_link(session: Session, order_id: UUID, link_id: UUID) -> TrackingLink | None:
    statement = select(TrackingLink).where(TrackingLink.id == link_id, TrackingLink.order_id == order_id)
    return session.scalar(statement.with_for_update())


def count_alive(session: Session, order_id: UUID, now: datetime) -> int:
    alive = select(func.count()).where(
        TrackingLink.order_id == order_id, TrackingLink.revoked_at.is_(None), TrackingLink.expires_at > now
    )
    return session.scalar(alive) or 0


def by_hash(session: Session, token_hash: str) -> TrackingLink | None:
    return session.scalar(select(TrackingLink).where(TrackingLink.token_hash == token_hash))


def note_opened(session: Session, link_id: UUID, now: datetime) -> None:
    """One short statement."""
    opened = update(TrackingLink).where(TrackingLink.id == link_id)
    session.execute(opened.values(opened=TrackingLink.opened + 1, last_opened_at=now))
