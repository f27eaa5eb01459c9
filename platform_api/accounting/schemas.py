"""What accounting answers over HTTP."""

import base64
from datetime import date
from typing import Any, Self

from pydantic import BaseModel
from sqlalchemy import Row

from platform_api.accounting.rules import readable
from platform_api.accounting.service import ShownLetter
from platform_api.tracking.times import TimeOut
from telemetry.lateness import mean_ms, quantile_ms


class AccountOut(BaseModel):
    """`received = stored + duplicate + rejected`, in pings. Days are UTC and those of the arrival; gaps are in device time.

    `device_uid` null = of no registered device. Lateness is that of the stored pings; `lateness_p99_s` is at most
    a tenth too high. `gaps` is as of `gaps_counted_at`, all else as of now.
    """

    device_uid: str | None
    day: date
    received: int
    stored: int
    duplicate: int
    late: int
    rejected: int
    rejected_by: dict[str, int]
    lateness_mean_s: float | None
    lateness_p99_s: float | None
    gaps: int
    gaps_counted_at: TimeOut | None

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        return cls(
            device_uid=row.device_uid,
            day=row.day,
            received=row.received,
            stored=row.stored,
            duplicate=row.duplicate,
            late=row.late,
            rejected=row.rejected,
            rejected_by=row.rejected_by,
            lateness_mean_s=_seconds(mean_ms(row.lateness_ms, row.stored)),
            lateness_p99_s=_seconds(quantile_ms(row.lateness, 0.99)),
            gaps=row.gaps,
            gaps_counted_at=row.gaps_counted_at,
        )


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else round(ms / 1000, 3)


class ReasonOut(BaseModel):
    reason: str
    pings: int


class RefusalOut(ReasonOut):
    detail: str


class LetterOut(BaseModel):
    """A message of which something was refused. `payload_whole` false = too large to be kept, cannot be played again.

    `replayed_at` null = something of it is still refused. `outcome` counts what the newest of `tries` came to.
    """

    id: int
    received_at: TimeOut
    topic: str
    device_uid: str | None
    worker: str
    payload_bytes: int
    payload_whole: bool
    reasons: list[ReasonOut]
    tries: int
    tried_at: TimeOut | None
    outcome: dict[str, int] | None
    replayed_at: TimeOut | None
    asked_at: TimeOut | None

    @classmethod
    def of(cls, shown: ShownLetter) -> Self:
        return cls(
            **_head(shown),
            reasons=[ReasonOut(reason=each.reason, pings=each.pings) for each in shown.refused],
        )


class LetterDetailOut(BaseModel):
    """As in the list, with the payload (its beginning, when it is not whole) and why each ping was refused.

    `payload_text` is null where a person could not read it.
    """

    id: int
    received_at: TimeOut
    topic: str
    device_uid: str | None
    worker: str
    payload_bytes: int
    payload_whole: bool
    payload_text: str | None
    payload_base64: str
    refusals: list[RefusalOut]
    tries: int
    tried_at: TimeOut | None
    outcome: dict[str, int] | None
    replayed_at: TimeOut | None
    asked_at: TimeOut | None

    @classmethod
    def of(cls, shown: ShownLetter) -> Self:
        payload = shown.letter.payload
        return cls(
            **_head(shown),
            payload_text=readable(payload),
            payload_base64=base64.b64encode(payload).decode(),
            refusals=[
                RefusalOut(reason=each.reason, pings=each.pings, detail=each.detail) for each in shown.refused
            ],
        )


def _head(shown: ShownLetter) -> dict[str, Any]:
    letter = shown.letter
    names = (
        "id",
        "received_at",
        "topic",
        "device_uid",
        "worker",
        "payload_bytes",
        "tries",
        "tried_at",
        "outcome",
    )
    return {
        **{name: getattr(letter, name) for name in (*names, "replayed_at", "asked_at")},
        "payload_whole": letter.kept_bytes == letter.payload_bytes,
    }
