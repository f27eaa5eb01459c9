"""A POST that creates may be repeated: with the same Idempotency-Key it creates once and answers the same.

The key, what was asked and what was answered are written in the transaction that does the work, so
either all of it happened or none. Two at once wait for each other. A refusal is not kept: the caller
mends the cause and may use the key again. As in the IETF draft "The Idempotency-Key HTTP Header Field".
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.errors import BadRequest, Conflict
from platform_api.idempotency.models import IdempotencyKey

KEY_KEPT = timedelta(days=7)
MAX_KEY_CHARS = 128
IDEMPOTENCY_ERRORS = ("invalid_idempotency_key", "idempotency_key_reused")
_KEY = re.compile(r"[\x21-\x7e]{1,128}")

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Once:
    """`key` None: the caller does not ask for it, and every call does the work."""

    session: Session
    actor: Actor
    response: Response
    key: str | None
    fingerprint: str
    now: datetime

    def run(self, kind: type[M], make: Callable[[], M]) -> M:
        """What `make` returns, or what it returned the first time (header Idempotency-Replayed: true).

        Raises Conflict `idempotency_key_reused` when the key belongs to another request.
        """
        if self.key is None:
            return make()
        owner = self.actor.user_id
        # Held to the end of the transaction: the second of two waits here and finds the answer below.
        self.session.execute(
            select(func.pg_advisory_xact_lock(func.hashtextextended(f"{owner}/{self.key}", 0)))
        )
        earlier = self.session.get(IdempotencyKey, (owner, self.key))
        if earlier is not None:
            if earlier.fingerprint != self.fingerprint:
                raise Conflict("idempotency_key_reused", "This Idempotency-Key was used for another request.")
            self.response.headers["Idempotency-Replayed"] = "true"
            return kind.model_validate(earlier.answer)
        made = make()
        self.session.add(
            IdempotencyKey(
                user_id=owner,
                key=self.key,
                fingerprint=self.fingerprint,
                answer=made.model_dump(mode="json"),
                created_at=self.now,
            )
        )
        return made


async def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    return digest.hexdigest()


async def _once(
    request: Request,
    response: Response,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    idempotency_key: Annotated[
        str | None,
        Header(
            max_length=MAX_KEY_CHARS,
            description="Any text of your own, such as a UUID: the same request again answers the same",
        ),
    ] = None,
) -> Once:
    if idempotency_key is not None and not _KEY.fullmatch(idempotency_key):
        raise BadRequest(
            "invalid_idempotency_key", "An Idempotency-Key has 1 to 128 printable ASCII characters."
        )
    # Without a key nobody compares it: a photo of megabytes need not be hashed.
    fingerprint = "" if idempotency_key is None else await _fingerprint(request)
    return Once(session, actor, response, idempotency_key, fingerprint, now)


OnceDep = Annotated[Once, Depends(_once, scope="function")]


def drop_old_keys(session: Session, now: datetime) -> int:
    """Rows deleted."""
    old = delete(IdempotencyKey).where(IdempotencyKey.created_at <= now - KEY_KEPT)
    return len(session.scalars(old.returning(IdempotencyKey.key)).all())
