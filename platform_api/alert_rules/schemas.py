"""Bodies of the alert rule endpoints."""

from datetime import datetime, time
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from platform_api.alert_rules.rules import MAX_PERIODS, MAX_TEXTED, Trigger
from platform_api.alert_rules.service import Wish
from platform_api.fields import Id, Name
from platform_api.schemas import StrictBody

Day = Annotated[int, Field(ge=1, le=7)]
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Kinds = Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(max_length=50)]
Minutes = Annotated[int, Field(ge=1, le=10_080)]


class PeriodIn(StrictBody):
    """ISO weekdays (1 = Monday); Senegal's time. One that ends before it starts goes over midnight."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)] = Field(examples=[[1, 2, 3, 4, 5]])
    start: Clock = Field(examples=["20:00"])
    end: Clock = Field(examples=["06:00"])

    def stored(self) -> dict[str, Any]:
        return {"days": sorted(set(self.days)), "start": self.start, "end": self.end}


Schedule = Annotated[list[PeriodIn], Field(max_length=MAX_PERIODS)]
People = Annotated[list[UUID], Field(max_length=MAX_TEXTED)]


class AlertRuleIn(StrictBody):
    """`trigger` enter, exit, dwell: of `geofence_id`, of a group's geofences, or of all of yours. interval: of
    `kinds` as `/api/v1/telemetry/kinds/` lists them. alert: of alerts that the platform raises anyway; the
    rule only says whom to text. An empty `schedule` is always."""

    name: Name = Field(examples=["Nobody leaves the yard at night"])
    trigger: Trigger = Field(examples=["exit"])
    geofence_id: Id | None = None
    group_id: Id | None = None
    vehicle_id: Id | None = None
    dwell_minutes: Minutes | None = None
    kinds: Kinds = Field(default_factory=list)
    schedule: Schedule = Field(default_factory=list)
    sms_to: People = Field(default_factory=list)
    enabled: bool = True

    def wish(self) -> Wish:
        return Wish(
            name=self.name,
            trigger=self.trigger,
            geofence_id=self.geofence_id,
            group_id=self.group_id,
            vehicle_id=self.vehicle_id,
            dwell_minutes=self.dwell_minutes,
            kinds=tuple(self.kinds),
            schedule=tuple(period.stored() for period in self.schedule),
            sms_to=tuple(self.sms_to),
            enabled=self.enabled,
        )


class AlertRuleChange(StrictBody):
    """What is left out stays. The trigger cannot change: make another rule."""

    name: Name | None = None
    dwell_minutes: Minutes | None = None
    kinds: Kinds | None = None
    schedule: Schedule | None = None
    sms_to: People | None = None
    enabled: bool | None = None

    def changes(self) -> dict[str, Any]:
        given: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("name", "dwell_minutes", "enabled")
            if getattr(self, name) is not None
        }
        if self.kinds is not None:
            given["kinds"] = tuple(self.kinds)
        if self.schedule is not None:
            given["schedule"] = tuple(period.stored() for period in self.schedule)
        if self.sms_to is not None:
            given["sms_to"] = tuple(self.sms_to)
        return given


class PeriodOut(BaseModel):
    days: list[int]
    start: time
    end: time


class AlertRuleOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    trigger: Trigger
    geofence_id: int | None
    group_id: int | None
    vehicle_id: int | None
    dwell_minutes: int | None
    kinds: list[str]
    schedule: list[PeriodOut]
    sms_to: list[UUID]
    enabled: bool
    version: int
    created_at: datetime
    updated_at: datetime
