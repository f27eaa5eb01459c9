"""/api/v1/telemetry/{accounts,dead-letters}/: what each device sent, and what of it was refused."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from brokers.topics import DEVICE_UID_MAX_CHARS
from platform_api.accounting import service
from platform_api.accounting.schemas import AccountOut, LetterDetailOut, LetterOut
from platform_api.actor import Actor, Role
from platform_api.deps import NowDep, SessionDep, require_role
from platform_api.fields import Id, Time
from platform_api.pagination import Page, PageDep
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/telemetry", tags=["accounting"])

Viewer = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.ADMINISTRATOR))]
Administrator = Annotated[Actor, Depends(require_role(Role.ADMINISTRATOR))]
DeviceUid = Annotated[
    str | None, Query(alias="device", max_length=DEVICE_UID_MAX_CHARS, description="uid of a device")
]
MAX_REASON_CHARS = 64


@router.get("/accounts/", responses=errors("invalid_range", "device_not_found"))
def list_accounts(
    session: SessionDep,
    actor: Viewer,
    page: PageDep,
    device: DeviceUid = None,
    first: Annotated[date | None, Query(alias="from", description="first day, UTC")] = None,
    last: Annotated[date | None, Query(alias="to", description="last day, UTC, inclusive")] = None,
) -> Page[AccountOut]:
    """Accounts of each device and day, the newest day first; a carrier's own devices, an administrator all.

    `device=-` is what was of no registered device, for administrators.
    """
    found = service.list_accounts(session, actor, page, device_uid=device, first=first, last=last)
    return Page(items=[AccountOut.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.get("/dead-letters/", responses=errors("invalid_range"))
def list_letters(
    session: SessionDep,
    actor: Viewer,
    page: PageDep,
    device: DeviceUid = None,
    reason: Annotated[str | None, Query(max_length=MAX_REASON_CHARS, description="of a refused ping")] = None,
    since: Annotated[Time | None, Query(alias="from", description="arrival, inclusive")] = None,
    until: Annotated[Time | None, Query(alias="to", description="arrival, exclusive")] = None,
    waiting: Annotated[bool | None, Query(description="whether something of it is still refused")] = None,
) -> Page[LetterOut]:
    """Messages of which something was refused, the newest first. Those of no registered device are for administrators."""
    found = service.list_letters(
        session,
        actor,
        page,
        reason=reason,
        device_uid=device,
        since=since,
        until=until,
        waiting=waiting,
    )
    return Page(items=[LetterOut.of(each) for each in found.letters], next_cursor=found.next_cursor)


@router.get("/dead-letters/{letter_id}/", responses=errors("letter_not_found"))
def get_letter(letter_id: Id, session: SessionDep, actor: Viewer) -> LetterDetailOut:
    """The message whole, with what was refused of it and why."""
    return LetterDetailOut.of(service.get_letter(session, actor, letter_id))


@router.post(
    "/dead-letters/{letter_id}/replay/",
    status_code=202,
    responses=errors("letter_not_found", "letter_played", "letter_cut"),
)
def ask_replay(letter_id: Id, session: SessionDep, actor: Administrator, now: NowDep) -> LetterOut:
    """Have an ingest worker play the message again, with its original arrival, within seconds. `tries` tells when it has."""
    return LetterOut.of(service.ask_replay(session, actor, letter_id, now=now))
