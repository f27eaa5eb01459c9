"""The access log: who looked at a driver's positions, and who had his data copied or erased."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.privacy.models import AccessEntry


class Access(StrEnum):
    PINGS_READ = "pings_read"
    ROUTE_READ = "route_read"
    LIVE_WATCHED = "live_watched"
    PAPERS_READ = "papers_read"
    EXPORT_ASKED = "export_asked"
    EXPORT_DOWNLOADED = "export_downloaded"
    ERASURE_ASKED = "erasure_asked"
    ERASURE_CONFIRMED = "erasure_confirmed"
    ERASURE_WITHDRAWN = "erasure_withdrawn"
    ERASURE_DONE = "erasure_done"


def note(session: Session, actor: Actor | None, subject_id: UUID, action: Access, *, now: datetime) -> None:
    """`actor` None = the platform by itself."""
    session.add(
        AccessEntry(
            subject_id=subject_id,
            actor_id=None if actor is None else actor.user_id,
            actor_role="platform" if actor is None else actor.role.value,
            action=action.value,
            at=now,
            last_at=now,
        )
    )


def note_read(
    session: Session, actor: Actor, subject_id: UUID | None, action: Access, order_id: UUID, *, now: datetime
) -> None:
    """One short statement; a driver who looks at his own positions is not noted."""
    if subject_id is None or subject_id == actor.user_id:
        return
    statement = insert(AccessEntry).values(
        subject_id=subject_id,
        actor_id=actor.user_id,
        actor_role=actor.role.value,
        action=action.value,
        order_id=order_id,
        at=now,
        hour=now.replace(minute=0, second=0, microsecond=0),
        last_at=now,
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["subject_id", "actor_id", "action", "order_id", "hour"],
            index_where=AccessEntry.hour.is_not(None),
            set_={"times": AccessEntry.times + 1, "last_at": statement.excluded.last_at},
        )
    )
