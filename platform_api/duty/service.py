"""A driver begins and ends his duty, and asks whether he is being followed. The edge commits."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.duty import repository, rules
from platform_api.duty.models import DutyPeriod
from platform_api.pagination import PageQuery


def start_duty(session: Session, actor: Actor, *, at: datetime | None, now: datetime) -> DutyPeriod:
    """From now, or from `at`, his phone's positions are taken. Again is harmless."""
    rules.check_himself(actor)
    repository.lock_driver(session, actor.user_id)
    last = repository.newest_period(session, actor.user_id)
    longest = timedelta(hours=get_settings().duty_max_hours)
    started = rules.start(_period(last), at=at, now=now, longest=longest)
    if started.again:
        return cast(DutyPeriod, last)
    if started.closes_first and last is not None:
        last.ended_at, last.ended_by = last.closes_at, rules.EndedBy.LIMIT.value
        session.flush()  # one open period a driver is a unique index: the old one ends before the new one begins
    period = DutyPeriod(
        user_id=actor.user_id, started_at=started.period.started_at, closes_at=started.period.closes_at
    )
    session.add(period)
    session.flush()  # the answer shows its id
    return period


def stop_duty(session: Session, actor: Actor, *, now: datetime) -> DutyPeriod:
    rules.check_himself(actor)
    repository.lock_driver(session, actor.user_id)
    last = repository.newest_period(session, actor.user_id)
    end = rules.end(_period(last), now=now)
    assert last is not None  # the rule refuses to end nothing
    last.ended_at, last.ended_by = end.at, end.by.value
    return last


@dataclass(frozen=True, slots=True)
class DutyView:
    reasons: list[rules.Reason]
    periods: list[DutyPeriod]
    next_cursor: str | None


def show_duty(session: Session, actor: Actor, query: PageQuery, *, now: datetime) -> DutyView:
    """Why his positions are taken now, if they are, and his duty periods, newest first."""
    rules.check_himself(actor)
    periods, next_cursor = repository.page_periods(session, actor.user_id, query)
    found = rules.reasons(
        repository.open_orders(session, actor.user_id),
        _period(repository.newest_period(session, actor.user_id)),
        always=get_settings().phone_privacy == "always",
        now=now,
    )
    return DutyView(found, periods, next_cursor)


def close_forgotten(session: Session, *, now: datetime) -> int:
    """How many periods ended by themselves. Ingest goes by `closes_at` and does not wait for this."""
    return repository.close_forgotten(session, now)


def _period(row: DutyPeriod | None) -> rules.Period | None:
    return None if row is None else rules.Period(row.started_at, row.closes_at, row.ended_at)
