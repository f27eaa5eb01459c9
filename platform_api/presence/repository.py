"""Queries over presence. Whoever asks has found the device by `fleet` first, which knows who may see it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from platform_api.pagination import PageQuery, fetch_page
from platform_api.presence.models import DevicePresence, PresenceChange


def presence_of(session: Session, device_id: int) -> DevicePresence:
    """As it stands now, whatever this session has read of it before."""
    return session.scalars(
        select(DevicePresence)
        .where(DevicePresence.device_id == device_id)
        .execution_options(populate_existing=True)
    ).one()


def page_changes(
    session: Session, device_id: int, query: PageQuery
) -> tuple[list[PresenceChange], str | None]:
    statement = select(PresenceChange).where(PresenceChange.device_id == device_id)
    return fetch_page(session, statement, [PresenceChange.id], query)
