"""Tells those who watch an inbox that something in it is new or has changed: after the commit, by its id alone."""

import json
from collections.abc import Sequence
from uuid import UUID

from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from config.database import after_commit
from config.logging import get_logger
from config.redis import alerts_channel, sync_redis

log = get_logger(__name__)

# More than these are not named: whoever watches reads anew.
MAX_NAMED = 200


def announce(session: Session, party_id: UUID, alert_ids: Sequence[int]) -> None:
    message = {"ids": list(alert_ids) if len(alert_ids) <= MAX_NAMED else None}
    after_commit(session, lambda: _publish(party_id, message))


def _publish(party_id: UUID, message: dict[str, list[int] | None]) -> None:
    try:
        sync_redis().publish(alerts_channel(party_id), json.dumps(message))
    except RedisError as error:
        # The row is the truth: whoever watches the inbox looks for himself every now and then.
        log.warning("change of an inbox not announced", party_id=str(party_id), error=str(error))
