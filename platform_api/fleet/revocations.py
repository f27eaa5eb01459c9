"""Ends the connections of devices whose credential was revoked, at EMQX.

Triggers write a row of `mqtt_revocations` for whatever changes a credential or a device; what is done about
it follows from how the device stands now, so that the last change wins and doing it twice harms nobody. The
embedded broker listens to the same triggers by itself.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from brokers.emqx_admin import EmqxAdmin, EmqxError
from brokers.topics import is_device_uid
from config.logging import get_logger
from platform_api.fleet.models import Device, MqttRevocation
from platform_api.fleet.rules import DeviceKind

log = get_logger(__name__)

# Beyond the life of every token that was given out before.
_MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Revoked:
    """`keep_out`: until then no password lets it in; None = it may come back with a good one."""

    uid: str
    asked_at: datetime
    keep_out: datetime | None


def waiting(session: Session, *, now: datetime, token_life: timedelta, limit: int) -> list[Revoked]:
    """The oldest first. EMQX cannot take a token back, so a phone that is shut out is banned until none is good."""
    statement = (
        select(MqttRevocation, Device)
        .outerjoin(Device, Device.uid == MqttRevocation.client_id)
        .order_by(MqttRevocation.asked_at)
        .limit(limit)
    )
    found = []
    for row, device in session.execute(statement):
        # None: the device was erased, and its name with it.
        shut_out = device is None or (device.disabled and device.kind == DeviceKind.PHONE)
        until = now + token_life + _MARGIN if shut_out else None
        found.append(Revoked(row.client_id, row.asked_at, until))
    return found


def carry_out(emqx: EmqxAdmin, revoked: Sequence[Revoked]) -> list[Revoked]:
    """Those that EMQX has done; the others are tried again by the next sweep."""
    done = []
    for one in revoked:
        try:
            if is_device_uid(one.uid):
                _carry_out(emqx, one)
            done.append(one)
        except EmqxError as error:
            log.warning("a revoked device may still be connected", uid=one.uid, error=str(error))
            break
    return done


def _carry_out(emqx: EmqxAdmin, one: Revoked) -> None:
    if one.keep_out is not None:
        emqx.keep_out(one.uid, until=one.keep_out)
        return
    emqx.let_in(one.uid)
    emqx.disconnect_device(one.uid)


def forget(session: Session, done: Sequence[Revoked]) -> None:
    """Except where something changed again in between."""
    for one in done:
        session.execute(
            delete(MqttRevocation).where(
                MqttRevocation.client_id == one.uid, MqttRevocation.asked_at == one.asked_at
            )
        )


def sweep(
    transaction: Callable[[], AbstractContextManager[Session]],
    emqx: EmqxAdmin | None,
    *,
    now: datetime,
    token_life: timedelta,
    limit: int = 200,
) -> int:
    """How many were ended. EMQX is asked between two transactions."""
    with transaction() as session:
        revoked = waiting(session, now=now, token_life=token_life, limit=limit)
    if not revoked:
        return 0
    if emqx is None:
        done: Sequence[Revoked] = revoked
    else:
        with emqx:
            done = carry_out(emqx, revoked)
    with transaction() as session:
        forget(session, done)
    return len(done)
