"""What a rule makes of a stay in a geofence or of an interval: computed from how it stands now.

Late positions change the story. So a rule is not asked what a message means, but what ought to be
told of the visit as it is; what was told and ought not to be is withdrawn. The order of messages does
not matter, nor does hearing one twice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Invalid

MAX_RULES = 200
MAX_GROUPS = 200
MAX_PERIODS = 14
MAX_TEXTED = 5
# Nobody wants to be woken for what happened yesterday: the inbox has it.
TEXT_WITHIN = timedelta(hours=1)


class Trigger(StrEnum):
    ENTER = "enter"
    EXIT = "exit"
    DWELL = "dwell"
    INTERVAL = "interval"
    ALERT = "alert"


OF_GEOFENCES = frozenset({Trigger.ENTER, Trigger.EXIT, Trigger.DWELL})


@dataclass(frozen=True, slots=True)
class Period:
    """On these ISO weekdays (1 = Monday) from `start` to `end`, Senegal's time, which is UTC.

    One that ends before it starts goes over midnight and belongs to the day on which it starts;
    one that ends when it starts is a whole day.
    """

    days: frozenset[int]
    start: time
    end: time

    def holds(self, at: datetime) -> bool:
        local = at.astimezone(UTC)
        clock = local.time().replace(tzinfo=None)
        today, yesterday = local.isoweekday(), (local - timedelta(days=1)).isoweekday()
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        return (today in self.days and clock >= self.start) or (yesterday in self.days and clock < self.end)


def in_schedule(schedule: Sequence[Period], at: datetime) -> bool:
    """An empty schedule is always."""
    return not schedule or any(period.holds(at) for period in schedule)


@dataclass(frozen=True, slots=True)
class Rule:
    """`since`: it judges what happened from then on, so that a new rule does not dig up the past."""

    trigger: Trigger
    since: datetime
    schedule: tuple[Period, ...] = ()
    dwell: timedelta | None = None
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Stay:
    """A visit as it stands now; `exited_at` None = still there."""

    entered_at: datetime
    exited_at: datetime | None
    retracted: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What ought to be in the inbox; times are event times."""

    at: datetime
    ended_at: datetime | None = None


def judge_stay(rule: Rule, stay: Stay, now: datetime) -> Wanted | None:
    """What this rule tells of the stay; None = nothing (any more, or yet)."""
    if stay.retracted:
        return None
    wanted = _of_stay(rule, stay, now)
    if wanted is None or wanted.at < rule.since or not in_schedule(rule.schedule, wanted.at):
        return None
    return wanted


def _of_stay(rule: Rule, stay: Stay, now: datetime) -> Wanted | None:
    if rule.trigger is Trigger.ENTER:
        return Wanted(stay.entered_at)
    if rule.trigger is Trigger.EXIT:
        return None if stay.exited_at is None else Wanted(stay.exited_at)
    assert rule.dwell is not None
    due = stay.entered_at + rule.dwell
    if due > (stay.exited_at or now):
        return None
    return Wanted(due, stay.exited_at)


@dataclass(frozen=True, slots=True)
class Lasting:
    """An interval as it stands now."""

    kind: str
    started_at: datetime
    ended_at: datetime | None
    retracted: bool = False


def judge_interval(rule: Rule, lasting: Lasting) -> Wanted | None:
    if lasting.retracted or lasting.kind not in rule.kinds or lasting.started_at < rule.since:
        return None
    if not in_schedule(rule.schedule, lasting.started_at):
        return None
    return Wanted(lasting.started_at, lasting.ended_at)


def check_creatable(actor: Actor, trigger: Trigger, *, existing: int) -> None:
    """Raises Forbidden `role_not_allowed`, Conflict `too_many_alert_rules`."""
    if trigger is Trigger.INTERVAL and actor.role is not Role.CARRIER:
        raise Forbidden("role_not_allowed", "What a vehicle does is its carrier's business.")
    if existing >= MAX_RULES:
        raise Conflict("too_many_alert_rules", f"At most {MAX_RULES} rules.", limit=MAX_RULES)


def check_form(
    trigger: Trigger,
    *,
    dwell_minutes: int | None,
    kinds: Collection[str],
    known: Collection[str],
    about_geofence: bool,
) -> None:
    """Whether what is given belongs to the trigger; `known`: the kinds there are for it. Raises Invalid."""
    if (trigger is Trigger.DWELL) != (dwell_minutes is not None):
        raise Invalid("invalid_alert_rule", "dwell_minutes belongs to the trigger dwell, and only to it.")
    if trigger in OF_GEOFENCES:
        if kinds:
            raise Invalid("invalid_alert_rule", "kinds belong to the triggers interval and alert.")
        return
    if about_geofence:
        raise Invalid("invalid_alert_rule", "geofence_id and group_id belong to enter, exit and dwell.")
    unknown = sorted(set(kinds) - set(known))
    if not kinds or unknown:
        detail = f"Unknown kinds: {', '.join(unknown)}." if unknown else "Name at least one kind."
        raise Invalid("unknown_alert_kinds", detail)


def is_worth_a_text(at: datetime, now: datetime) -> bool:
    return now - at <= TEXT_WITHIN
