"""From here on in this transaction, every change is written to the audit log by triggers (migration 0017)."""

import json
from typing import Literal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

Channel = Literal["admin", "api", "cli"]


def audit(
    session: Session,
    *,
    actor_id: UUID | None,
    channel: Channel,
    acting_as: UUID | None = None,
    request_id: str | None = None,
) -> None:
    """For the rest of the transaction. `actor_id`: the administrator; `acting_as`: in whose name he acts."""
    context = context_of(actor_id=actor_id, channel=channel, acting_as=acting_as, request_id=request_id)
    session.execute(select(func.set_config("mess.audit", context, True)))


def context_of(
    *,
    actor_id: UUID | None,
    channel: Channel,
    acting_as: UUID | None = None,
    request_id: str | None = None,
) -> str:
    """The setting `mess.audit`, as the triggers read it."""
    context = {
        "actor_id": None if actor_id is None else str(actor_id),
        "acting_as": None if acting_as is None else str(acting_as),
        "channel": channel,
        "request_id": request_id,
    }
    return json.dumps(context)
