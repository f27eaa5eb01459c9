"""Rights of a person over his data (Senegal's law 2008-12): who may ask for what, and what an erasure leaves. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Any
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Invalid, TooMany

EXPORTS_A_DAY = 5
# A job that gave no sign of life for so long is queued again, so many times in all.
STALE_AFTER = timedelta(minutes=3)
MAX_ATTEMPTS = 5
CONFIRM_WITHIN = timedelta(hours=24)
ERASED_PHONE_PREFIX = "erased:"
_POSITION = ("lat", "lon", "accuracy_m")


class ExportState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


class ErasureState(StrEnum):
    ASKED = "asked"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class ErasureStep(StrEnum):
    CLOSE = "close"
    TELEMETRY = "telemetry"
    HISTORY = "history"
    ACCOUNT = "account"


def subject_of(actor: Actor, subject_id: UUID | None) -> UUID:
    """Whose data is meant: one's own, or anyone's for an administrator.

    Raises Forbidden `role_not_allowed`, Invalid `subject_missing`.
    """
    if actor.is_administrator:
        if subject_id is None:
            raise Invalid("subject_missing", "An administrator says whose data: subject_id.")
        return subject_id
    if subject_id not in (None, actor.user_id):
        raise Forbidden("role_not_allowed", "Only the person himself and administrators.")
    return actor.user_id


def check_subject(*, phone: str) -> None:
    """Raises Conflict `already_erased`."""
    if is_erased(phone):
        raise Conflict("already_erased", "This person's data has been erased.")


def check_erasable(role: Role, *, is_superuser: bool) -> None:
    """What administrators did must have a name. Raises Conflict `administrator_stays`."""
    if is_superuser or role is Role.ADMINISTRATOR:
        raise Conflict("administrator_stays", "First this person must be an administrator no more.")


def may_see(actor: Actor, subject_id: UUID) -> bool:
    return actor.is_administrator or actor.user_id == subject_id


def check_exports(asked_today: int) -> None:
    if asked_today >= EXPORTS_A_DAY:
        raise TooMany(
            "too_many_exports",
            f"At most {EXPORTS_A_DAY} exports a day.",
            retry_after_s=24 * 3600,
            limit=EXPORTS_A_DAY,
        )


def check_download(state: ExportState) -> None:
    """Raises Conflict `export_not_ready`, `export_failed`, `export_deleted`."""
    if state is ExportState.DELETED:
        raise Conflict("export_deleted", "This export was deleted. Ask for a new one.")
    if state is ExportState.FAILED:
        raise Conflict("export_failed", "This export failed. Ask for a new one.")
    if state is not ExportState.READY:
        raise Conflict("export_not_ready", "This export is still being written.")


def copy_name(export_id: UUID) -> str:
    """The file of a driver's copy, in the folder of `platform_api.spool`."""
    return f"{export_id}.zip"


def hash_code(code: str) -> str:
    return sha256(code.encode()).hexdigest()


def hash_uid(uid: str) -> str:
    """As `ingest.duty` looks it up."""
    return sha256(uid.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ErasureSnapshot:
    state: ErasureState
    code_hash: str
    created_at: datetime


def reason_of(held: Sequence[str]) -> str | None:
    """The code of why an erasure must wait; `held`: what of his is under way."""
    if not held:
        return None
    return "order_under_way" if "orders" in held else "own_business_open"


def check_nothing_open(held: Sequence[str]) -> None:
    """Raises Conflict `order_under_way`, `own_business_open`."""
    reason = reason_of(held)
    if reason == "order_under_way":
        raise Conflict("order_under_way", "An order is under way: first it must end.")
    if reason is not None:
        raise Conflict("own_business_open", f"First end what is your own: {', '.join(held)}.")


def check_not_confirmed(state: ErasureState) -> None:
    if state is not ErasureState.ASKED:
        raise Conflict("erasure_confirmed", "An erasure of this data is confirmed already.")


def confirm(erasure: ErasureSnapshot, code: str, *, held: Sequence[str], now: datetime) -> bool:
    """True = it waits from now on; False = it was confirmed before.

    Raises Conflict `erasure_not_open`, `confirmation_expired`, `order_under_way`, `own_business_open`, Invalid `wrong_code`.
    """
    if erasure.state is not ErasureState.ASKED:
        if erasure.state in (ErasureState.WAITING, ErasureState.RUNNING):
            return False
        raise Conflict("erasure_not_open", f"An erasure that is {erasure.state} cannot be confirmed.")
    if now >= erasure.created_at + CONFIRM_WITHIN:
        raise Conflict("confirmation_expired", "Too late to confirm this one. Ask again.")
    if not compare_digest(hash_code(code), erasure.code_hash):
        raise Invalid("wrong_code", "This is not the code of this erasure.")
    check_nothing_open(held)
    return True


def withdraw(state: ErasureState) -> bool:
    """True = nothing will be erased; False = it was withdrawn before. Raises Conflict `erasure_begun`."""
    if state in (ErasureState.WITHDRAWN, ErasureState.LAPSED):
        return False
    if state in (ErasureState.RUNNING, ErasureState.DONE):
        raise Conflict("erasure_begun", "The erasure has begun and cannot be taken back.")
    return True


# What is left ----------------------------------------------------------------


def pseudonym(user_id: UUID, role: Role) -> tuple[str, str]:
    """Phone number and name of an erased account: unique, and nobody's."""
    return f"{ERASED_PHONE_PREFIX}{user_id}", f"Erased {role} {user_id.hex[:8]}"


def is_erased(phone: str) -> bool:
    return phone.startswith(ERASED_PHONE_PREFIX)


def erased_uid(device_id: int) -> str:
    return f"erased-{device_id}"


@dataclass(frozen=True, slots=True)
class PhoneSpan:
    """A phone while it was his; half-open, None = without bound."""

    device_id: int
    since: datetime | None
    until: datetime | None

    def has(self, ping: Mapping[str, Any]) -> bool:
        if ping.get("device_id") != self.device_id or not isinstance(ping.get("time"), str):
            return False
        time = datetime.fromisoformat(ping["time"])
        return (self.since is None or self.since <= time) and (self.until is None or time < self.until)


def scrub_evidence(
    evidence: Mapping[str, Any], spans: Sequence[PhoneSpan], *, by_him: bool
) -> dict[str, Any] | None:
    """Evidence of an order's history without his positions; None when it holds none.

    What he himself noted at a door loses its coordinates; how far that was from the fence stays.
    """
    left = dict(evidence)
    if by_him:
        left |= {key: None for key in _POSITION if left.get(key) is not None}
    pings = left.get("pings")
    if isinstance(pings, list):
        left["pings"] = [
            {**ping, **dict.fromkeys(_POSITION)}
            if isinstance(ping, dict) and any(span.has(ping) for span in spans)
            else ping
            for ping in pings
        ]
    return left if left != evidence else None
