"""Queries over retention policies."""

from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.actor import Role
from platform_api.retention.models import RetentionRow

POLICY = ("ping_days", "thin_after_days", "thin_to_s", "interval_days", "visit_days")


def find(session: Session, carrier_id: UUID | None) -> RetentionRow | None:
    statement = select(RetentionRow).where(RetentionRow.carrier_id.is_not_distinct_from(carrier_id))
    return session.scalar(statement.execution_options(populate_existing=True))


def is_carrier(session: Session, user_id: UUID) -> bool:
    statement = select(exists().where(User.id == user_id, User.role == Role.CARRIER.value))
    return session.scalar(statement) is True


def save(session: Session, row: dict[str, object]) -> None:
    """Insert or replace: of two who set it at once the second one's stands."""
    statement = insert(RetentionRow).values(**row)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[RetentionRow.carrier_id],
            set_={name: statement.excluded[name] for name in (*POLICY, "updated_at", "updated_by")},
        )
    )


def remove(session: Session, carrier_id: UUID | None) -> None:
    session.execute(delete(RetentionRow).where(RetentionRow.carrier_id.is_not_distinct_from(carrier_id)))
