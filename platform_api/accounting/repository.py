"""Queries over accounts and letters; each starts from what the actor may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Date,
    Row,
    Select,
    SQLColumnExpression,
    TableValuedAlias,
    column,
    exists,
    false,
    func,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Session, undefer

from platform_api.accounting.models import DeadLetter, DeviceDay, RejectedPing
from platform_api.actor import Actor, Role
from platform_api.fleet.models import Device
from platform_api.pagination import PageQuery, fetch_page

_COUNTS = ("received", "stored", "duplicate", "late", "rejected", "lateness_ms")


class AccountKey(NamedTuple):
    day: date
    device_id: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Pings of a letter with one reason, or with one reason and detail."""

    reason: str
    detail: str
    pings: int


def _of_visible_device(actor: Actor, device_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    if actor.is_administrator:
        return true()
    if actor.role is not Role.CARRIER:
        return false()
    return device_id.in_(select(Device.id).where(Device.carrier_id == actor.carrier_id))


@dataclass(frozen=True, slots=True)
class Asked:
    """Which accounts; None = any. Days are inclusive, `after` is the last row of the page before."""

    device_id: int | None
    first: date | None
    last: date | None
    after: AccountKey | None

    def of(
        self, actor: Actor, day: SQLColumnExpression[date], device: SQLColumnExpression[int]
    ) -> list[ColumnElement[bool]]:
        """The same question to any table of accounts."""
        found = [_of_visible_device(actor, device)]
        found += [device == self.device_id] if self.device_id is not None else []
        found += [day >= self.first] if self.first is not None else []
        found += [day <= self.last] if self.last is not None else []
        if self.after is not None:
            found.append(tuple_(day, device) < tuple_(self.after.day, self.after.device_id))
        return found


def accounts(session: Session, actor: Actor, asked: Asked, limit: int) -> Sequence[Row[Any]]:
    """Accounts with `device_uid`, the newest day first.

    What is folded and what still waits in the ledger, added up for the rows of the page alone: the view
    `device_accounts` says the same, and would add up all days of all devices before it knew which are the first.
    """
    ledger = _ledger_days()
    waiting = select(ledger).where(*asked.of(actor, ledger.c.day, ledger.c.device_id)).cte("waiting")
    folded = (
        select(DeviceDay.day, DeviceDay.device_id)
        .where(*asked.of(actor, DeviceDay.day, DeviceDay.device_id))
        .order_by(DeviceDay.day.desc(), DeviceDay.device_id.desc())
        .limit(limit)
    )
    keys = folded.union(select(waiting.c.day, waiting.c.device_id)).cte("keys")
    return session.execute(
        select(keys.c.day, keys.c.device_id, Device.uid.label("device_uid"), *_added_up(waiting))
        .select_from(keys)
        .outerjoin(DeviceDay, (DeviceDay.day == keys.c.day) & (DeviceDay.device_id == keys.c.device_id))
        .outerjoin(waiting, (waiting.c.day == keys.c.day) & (waiting.c.device_id == keys.c.device_id))
        .outerjoin(Device, Device.id == keys.c.device_id)
        .order_by(keys.c.day.desc(), keys.c.device_id.desc())
        .limit(limit)
    ).all()


def _ledger_days() -> TableValuedAlias:
    """What all rows of the ledger come to."""
    return func.ledger_days(None).table_valued(
        column("device_id", BigInteger),
        column("day", Date),
        *(column(name, BigInteger) for name in _COUNTS),
        column("rejected_by", JSONB),
        column("lateness", ARRAY(BigInteger)),
    )


def _added_up(waiting: CTE) -> list[ColumnElement[Any]]:
    """The columns of an account, of which either part may be missing."""
    none = func.jsonb_build_object()
    counts = [
        (func.coalesce(getattr(DeviceDay, name), 0) + func.coalesce(waiting.c[name], 0)).label(name)
        for name in _COUNTS
    ]
    reasons = func.add_reasons(
        func.coalesce(DeviceDay.rejected_by, none), func.coalesce(waiting.c.rejected_by, none), type_=JSONB
    )
    lateness = func.add_counts(DeviceDay.lateness, waiting.c.lateness, type_=ARRAY(BigInteger))
    return [
        *counts,
        reasons.label("rejected_by"),
        lateness.label("lateness"),
        func.coalesce(DeviceDay.gaps, 0).label("gaps"),
        DeviceDay.gaps_counted_at.label("gaps_counted_at"),
    ]


def _visible_letters(actor: Actor) -> Select[DeadLetter]:
    return select(DeadLetter).where(_of_visible_device(actor, DeadLetter.device_id))


def page_letters(
    session: Session,
    actor: Actor,
    query: PageQuery,
    *,
    reason: str | None,
    device_uid: str | None,
    since: datetime | None,
    until: datetime | None,
    waiting: bool | None,
) -> tuple[list[DeadLetter], str | None]:
    """The newest first, without their payloads; `until` is exclusive."""
    statement = _visible_letters(actor)
    if reason is not None:
        of_letter = (RejectedPing.letter_id == DeadLetter.id) & (RejectedPing.reason == reason)
        statement = statement.where(exists().where(of_letter))
    if device_uid is not None:
        statement = statement.where(DeadLetter.device_uid == device_uid)
    if since is not None:
        statement = statement.where(DeadLetter.received_at >= since)
    if until is not None:
        statement = statement.where(DeadLetter.received_at < until)
    if waiting is not None:
        statement = statement.where(DeadLetter.replayed_at.is_(None) == waiting)
    return fetch_page(session, statement, [DeadLetter.id], query)


def find_letter(session: Session, actor: Actor, letter_id: int) -> DeadLetter | None:
    """With its payload."""
    statement = _visible_letters(actor).where(DeadLetter.id == letter_id)
    return session.scalar(statement.options(undefer(DeadLetter.payload)))


def lock_letter(session: Session, actor: Actor, letter_id: int) -> DeadLetter | None:
    return session.scalar(_visible_letters(actor).where(DeadLetter.id == letter_id).with_for_update())


def refused_by_reason(session: Session, letter_ids: Sequence[int]) -> dict[int, list[Refused]]:
    """For each letter its reasons, the most pings first."""
    rows = session.execute(
        select(RejectedPing.letter_id, RejectedPing.reason, func.count().label("pings"))
        .where(RejectedPing.letter_id.in_(letter_ids))
        .group_by(RejectedPing.letter_id, RejectedPing.reason)
        .order_by(func.count().desc(), RejectedPing.reason)
    )
    found: dict[int, list[Refused]] = {}
    for letter_id, reason, pings in rows:
        found.setdefault(letter_id, []).append(Refused(reason, "", pings))
    return found


def refused_in(session: Session, letter_id: int) -> list[Refused]:
    """Reasons with their details, in the order of the message."""
    rows = session.execute(
        select(RejectedPing.reason, RejectedPing.detail, func.count())
        .where(RejectedPing.letter_id == letter_id)
        .group_by(RejectedPing.reason, RejectedPing.detail)
        .order_by(func.min(RejectedPing.id))
    )
    return [Refused(reason, detail, pings) for reason, detail, pings in rows]
