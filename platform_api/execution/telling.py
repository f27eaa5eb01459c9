"""Keeping what somebody of the crew said, as a row of `driver_actions`, before anybody judges it."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.errors import Conflict
from platform_api.execution import codes
from platform_api.execution.models import DriverAction, DriverActionFile
from platform_api.execution.reckoning import Kind, Verdict
from platform_api.files.models import File
from platform_api.files.rules import IMAGES


@dataclass(frozen=True, slots=True)
class Position:
    """A phone's fix. `accuracy_m`: what the phone claims of it."""

    lat: float
    lon: float
    accuracy_m: float | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """`body`: JSON, as the kind has it (schemas). `code`: what was given for the consignee's code.

    `dated` False: `at` is merely when we heard it, so that the same words a minute later are the same.
    """

    id: UUID
    order_id: UUID
    kind: Kind
    at: datetime
    position: Position | None = None
    body: dict[str, Any] = field(default_factory=dict)
    files: tuple[tuple[UUID, str], ...] = ()
    code: str | None = None
    dated: bool = True

    def fingerprint(self) -> str:
        """Keyed, as the code is in it."""
        here = self.position
        told = {
            "order": str(self.order_id),
            "kind": self.kind,
            "at": self.at.isoformat() if self.dated else None,
            "position": None if here is None else [here.lat, here.lon, here.accuracy_m],
            "body": self.body,
            "files": [[str(file_id), role] for file_id, role in self.files],
            "code": self.code,
        }
        return codes.keyed_hash(json.dumps(told, sort_keys=True, separators=(",", ":")))


@dataclass(frozen=True, slots=True)
class Told:
    """`fresh`: it has still to be judged. `repeated`: it came before."""

    row: DriverAction
    fresh: bool
    repeated: bool


def tell(
    session: Session,
    actor: Actor,
    said: Said,
    *,
    crew_id: int | None,
    source: str,
    now: datetime,
    refusal: str | None = None,
) -> Told:
    """Store it once, under the order's lock. `refusal`: it is none of his orders; kept all the same.

    Raises Conflict `action_id_reused` when the id belongs to another action.
    """
    fingerprint = said.fingerprint()
    row = session.get(DriverAction, (actor.user_id, said.id))
    if row is not None:
        if row.fingerprint != fingerprint:
            raise Conflict("action_id_reused", "This id was used for another action.")
        fresh = row.verdict == Verdict.WAITING_FOR_FILE and attach(session, actor, row, said.files, now)
        return Told(row, fresh, repeated=True)
    row = DriverAction(
        user_id=actor.user_id,
        id=said.id,
        order_id=said.order_id,
        crew_id=crew_id,
        source=source,
        kind=said.kind,
        at=said.at,
        recorded_at=now,
        lat=said.position.lat if said.position else None,
        lon=said.position.lon if said.position else None,
        accuracy_m=said.position.accuracy_m if said.position else None,
        body={**said.body, "files": [[str(file_id), role] for file_id, role in said.files]},
        fingerprint=fingerprint,
        verdict=Verdict.REFUSED if refusal else Verdict.KEPT,
        refusal=refusal,
        flags=[],
    )
    if said.kind is Kind.PROOF and refusal is None:
        row.code_verdict = codes.judge(session, said.order_id, said.code, said.at)
    session.add(row)
    session.flush()
    fresh = refusal is None and attach(session, actor, row, said.files, now)
    return Told(row, fresh, repeated=False)


def attach(
    session: Session, actor: Actor, row: DriverAction, files: Sequence[tuple[UUID, str]], now: datetime
) -> bool:
    """Tie the files to it; False while one is not there yet, or of a kind that does not fit."""
    wanted = {file_id for file_id, _ in files}
    there = _files(session, actor.party_id, wanted)
    if wanted - there.keys():
        row.verdict, row.refusal = Verdict.WAITING_FOR_FILE, None
        return False
    if any(file.media_type not in IMAGES for file in there.values()):
        row.verdict, row.refusal = Verdict.REFUSED, "file_type_not_allowed"
        return False
    for file in there.values():
        file.used_at = file.used_at or now
    for file_id, role in dict.fromkeys(files):
        session.add(
            DriverActionFile(
                user_id=row.user_id, action_id=row.id, file_id=file_id, role=role, order_id=row.order_id
            )
        )
    row.verdict = Verdict.KEPT
    session.flush()
    return True


def files_of(row: DriverAction) -> tuple[tuple[UUID, str], ...]:
    """As it named them."""
    return tuple((UUID(file_id), role) for file_id, role in row.body.get("files", ()))


def _files(session: Session, party_id: UUID, ids: Collection[UUID]) -> dict[UUID, File]:
    if not ids:
        return {}
    found = session.scalars(select(File).where(File.id.in_(ids), File.party_id == party_id))
    return {file.id: file for file in found}
