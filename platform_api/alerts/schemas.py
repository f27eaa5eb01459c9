"""Bodies of the inbox."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from platform_api.alerts.models import Alert
from platform_api.alerts.texts import render
from platform_api.fields import Id
from platform_api.languages import Language
from platform_api.schemas import StrictBody

Severity = Literal["info", "warning", "critical"]


class AlertOut(BaseModel):
    """`title` and `detail` in the reader's language; `kind` and `facts` for programs.

    `at`, `ended_at`: when it happened, and was over. `withdrawn_at`: later positions show that it did
    not happen. `revision` counts how often the story changed.
    """

    id: int
    kind: str
    severity: Severity
    title: str
    detail: str
    order_id: UUID | None
    vehicle_id: int | None
    facts: dict[str, Any]
    at: datetime
    ended_at: datetime | None
    recorded_at: datetime
    revision: int
    withdrawn_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: UUID | None

    @classmethod
    def of(cls, row: Alert, language: Language) -> Self:
        text = render(row.kind, row.facts, language)
        shown = {name: getattr(row, name) for name in cls.model_fields if name not in ("title", "detail")}
        return cls(title=text.title, detail=text.detail, **shown)


class AlertCountOut(BaseModel):
    """Of the open ones: neither acknowledged nor withdrawn."""

    open: int
    by_severity: dict[Severity, int]


class AcknowledgeAllIn(StrictBody):
    """`up_to`: the id of the newest alert on your screen, so that one you have not seen stays open."""

    up_to: Id | None = Field(default=None, examples=[4711])


class AcknowledgedOut(BaseModel):
    acknowledged: int
