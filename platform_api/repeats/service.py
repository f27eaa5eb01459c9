"""Templates of orders, made into orders by hand or by a schedule. The edge commits.

A template keeps an order as it is sent; its times move with the day of the pickup, by whole days, so that a gate
that opens at eight opens at eight.
"""

import datetime as dt
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from config.logging import get_logger
from platform_api.accounts.models import User
from platform_api.actor import Actor, Role
from platform_api.alerts.service import raise_alert
from platform_api.errors import Invalid, NotFound, PlatformError
from platform_api.orders import repository as orders
from platform_api.orders.bodies import OrderChange, OrderIn, parse_order
from platform_api.orders.content import check_content
from platform_api.orders.models import Order
from platform_api.orders.money import is_customer
from platform_api.orders.rules import may_create
from platform_api.orders.service import create_order, get_order, is_party, post_order, price_facts
from platform_api.repeats import repository, rules
from platform_api.repeats.models import OrderSchedule, OrderTemplate, ScheduleOccurrence
from platform_api.repeats.rules import Terms
from platform_api.versions import check_version

log = get_logger(__name__)

MISSED, NO_TEMPLATE, NO_CREATOR = "missed", "template_removed", "creator_gone"


def save_template(
    session: Session, actor: Actor, *, name: str, order: OrderIn | None, order_id: UUID | None, now: datetime
) -> OrderTemplate:
    """Of an order as sent, or of one that exists. Raises Invalid `template_source` unless it is one of the two."""
    may_create(actor)
    if (order is None) == (order_id is None):
        raise Invalid("template_source", "A template is made of an order or of order_id.")
    rules.check_room(repository.count_templates(session, actor), rules.MAX_TEMPLATES, "templates")
    body = order if order is not None else _body_of(session, actor, order_id)
    check_content(body.content(), now)
    template = OrderTemplate(
        party_id=actor.party_id,
        created_by=actor.user_id,
        name=name,
        body=_kept(body),
        base_date=_base_date(body, now),
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(template)
    session.flush()
    return template


def _body_of(session: Session, actor: Actor, order_id: UUID | None) -> OrderIn:
    assert order_id is not None
    order = get_order(session, actor, order_id)
    if not is_party(order, actor) or actor.party_id not in (order.shipper_id, order.broker_id):
        raise NotFound("order_not_found", "There is no such order.")
    body = OrderIn.of(order, orders.stops_of(session, [order_id]).get(order_id, ()))
    if not is_customer(price_facts(order), actor):
        return body
    # What his freight broker thinks of paying is not shown to him here either.
    return body.model_copy(update={"target_xof": None, "target_shown": False})


def _kept(body: OrderIn) -> dict[str, Any]:
    # When it leaves the market is counted from its posting.
    return body.model_copy(update={"expires_at": None}).model_dump(mode="json")


def _base_date(body: OrderIn, now: datetime) -> dt.date:
    return min(body.times(), default=now).date()


def change_template(
    session: Session,
    actor: Actor,
    template_id: UUID,
    *,
    name: str | None,
    order: OrderIn | None,
    expected: int | None,
    now: datetime,
) -> OrderTemplate:
    template = get_template(session, actor, template_id, lock=True)
    check_version(template.version, expected)
    if order is not None:
        check_content(order.content(), now)
        template.body, template.base_date = _kept(order), _base_date(order, now)
    template.name = name or template.name
    template.version += 1
    template.updated_at = now
    return template


def get_template(session: Session, actor: Actor, template_id: UUID, *, lock: bool = False) -> OrderTemplate:
    """Raises NotFound `template_not_found`."""
    template = repository.find_template(session, actor, template_id, lock=lock)
    if template is None:
        raise NotFound("template_not_found", "You have no such template.")
    return template


def remove_template(session: Session, actor: Actor, template_id: UUID, now: datetime) -> None:
    """Its schedules end with it; orders made of it stay."""
    template = get_template(session, actor, template_id, lock=True)
    template.removed_at = now
    for schedule in repository.schedules_of(session, template_id):
        schedule.removed_at, schedule.next_at = now, None


def order_from(
    session: Session,
    actor: Actor,
    template_id: UUID,
    *,
    pickup_date: dt.date | None,
    changes: OrderChange | None,
    posts: bool,
    now: datetime,
) -> Order:
    """A draft of the template, its times moved to that day (None = today), then with the changes; posted if asked."""
    template = get_template(session, actor, template_id)
    day = pickup_date or now.date()
    rules.check_pickup_date(day, now)
    body = _on_day(template, day)
    if changes is not None:
        body = body.changed(changes)
    order = create_order(session, actor, body.content(), now=now)
    session.flush()
    return post_order(session, actor, order.id, now) if posts else order


def _on_day(template: OrderTemplate, day: dt.date) -> OrderIn:
    return parse_order(template.body).moved(day - template.base_date)


def save_schedule(
    session: Session, actor: Actor, *, template_id: UUID, terms: Terms, now: datetime
) -> OrderSchedule:
    """Raises NotFound `template_not_found`, Invalid `schedule_days`, `schedule_never`."""
    may_create(actor)
    get_template(session, actor, template_id)
    rules.check_room(repository.count_schedules(session, actor), rules.MAX_SCHEDULES, "schedules")
    terms = rules.check_terms(terms)
    schedule = OrderSchedule(
        template_id=template_id,
        party_id=actor.party_id,
        created_by=actor.user_id,
        next_at=rules.check_comes(rules.next_occurrence(terms, after=now)),
        version=1,
        created_at=now,
        updated_at=now,
    )
    _write(schedule, terms)
    session.add(schedule)
    session.flush()
    return schedule


def _write(schedule: OrderSchedule, terms: Terms) -> None:
    schedule.weekdays, schedule.at_time = list(terms.weekdays), terms.at_time
    schedule.lead_days, schedule.posts, schedule.until = terms.lead_days, terms.posts, terms.until


def _terms(schedule: OrderSchedule) -> Terms:
    days = tuple(schedule.weekdays)
    return Terms(days, schedule.at_time, schedule.lead_days, schedule.posts, schedule.until)


def change_schedule(
    session: Session,
    actor: Actor,
    schedule_id: UUID,
    change: Callable[[Terms], Terms],
    *,
    expected: int | None,
    now: datetime,
) -> OrderSchedule:
    """From now on; what was due before comes as it was, and a day that had its order has no second one.

    Raises PreconditionFailed when it is not the version the caller has read (None = he does not ask), Invalid
    `schedule_days`, `schedule_never`.
    """
    schedule = get_schedule(session, actor, schedule_id, lock=True)
    check_version(schedule.version, expected)
    while schedule.paused_at is None and schedule.next_at is not None and schedule.next_at <= now:
        _run(session, schedule, schedule.next_at, now)
    before = _terms(schedule)
    after = rules.check_terms(change(before))
    if after != before:
        _write(schedule, after)
        schedule.next_at = rules.check_comes(_next(session, schedule, now))
        _changed(schedule, now)
    return schedule


def get_schedule(session: Session, actor: Actor, schedule_id: UUID, *, lock: bool = False) -> OrderSchedule:
    """Raises NotFound `schedule_not_found`."""
    schedule = repository.find_schedule(session, actor, schedule_id, lock=lock)
    if schedule is None:
        raise NotFound("schedule_not_found", "You have no such schedule.")
    return schedule


def pause(session: Session, actor: Actor, schedule_id: UUID, now: datetime) -> OrderSchedule:
    """Again is harmless."""
    schedule = get_schedule(session, actor, schedule_id, lock=True)
    if schedule.paused_at is None:
        schedule.paused_at = now
        _changed(schedule, now)
    return schedule


def resume(session: Session, actor: Actor, schedule_id: UUID, now: datetime) -> OrderSchedule:
    """From now on: the days of the pause are not made up for."""
    schedule = get_schedule(session, actor, schedule_id, lock=True)
    if schedule.paused_at is not None:
        schedule.paused_at = None
        schedule.next_at = _next(session, schedule, now)
        _changed(schedule, now)
    return schedule


def remove_schedule(session: Session, actor: Actor, schedule_id: UUID, now: datetime) -> None:
    schedule = get_schedule(session, actor, schedule_id, lock=True)
    schedule.removed_at, schedule.next_at = now, None


def _changed(schedule: OrderSchedule, now: datetime) -> None:
    schedule.version += 1
    schedule.updated_at = now


def _next(session: Session, schedule: OrderSchedule, now: datetime) -> datetime | None:
    """From now on, without the days that it has dealt with."""
    done = repository.days_since(session, schedule.id, now.date())
    return rules.next_occurrence(_terms(schedule), after=now, done=done)


def run_schedule(session: Session, schedule_id: UUID, now: datetime) -> bool:
    """One day of a schedule, exactly once however many do it at once; False when nothing is due."""
    schedule = repository.take_due(session, schedule_id, now)
    if schedule is None or schedule.next_at is None:
        return False
    _run(session, schedule, schedule.next_at, now)
    return True


def _run(session: Session, schedule: OrderSchedule, due_at: datetime, now: datetime) -> None:
    """The day of `due_at`, of the locked schedule."""
    schedule.next_at = rules.next_occurrence(_terms(schedule), after=due_at)
    _changed(schedule, now)
    occurrence = repository.claim_day(session, schedule.id, due_at.date(), now)
    if occurrence is not None:
        _make(session, schedule, occurrence, due_at, now)


def _make(
    session: Session, schedule: OrderSchedule, occurrence: ScheduleOccurrence, due_at: datetime, now: datetime
) -> None:
    template = session.get_one(OrderTemplate, schedule.template_id)
    creator = session.get_one(User, schedule.created_by)
    if rules.is_missed(due_at, now):
        occurrence.problem = MISSED
    elif template.removed_at is not None:
        occurrence.problem = NO_TEMPLATE
    elif creator.disabled:
        occurrence.problem = NO_CREATOR
    else:
        acts_for = schedule.party_id if schedule.party_id != creator.id else None
        actor = Actor(creator.id, Role(creator.role), acts_for=acts_for)
        day = due_at.date() + dt.timedelta(days=schedule.lead_days)
        _make_order(session, actor, schedule, occurrence, _on_day(template, day), now)
    if occurrence.problem is not None:
        _tell(session, schedule, template, occurrence, now)


def _make_order(
    session: Session,
    actor: Actor,
    schedule: OrderSchedule,
    occurrence: ScheduleOccurrence,
    body: OrderIn,
    now: datetime,
) -> None:
    """What cannot be made, or made but not posted, is a problem of that day; the schedule goes on."""
    try:
        with session.begin_nested():
            order = create_order(session, actor, body.content(), now=now)
            session.flush()
            occurrence.order_id = order.id
            session.flush()
        if schedule.posts:
            with session.begin_nested():
                post_order(session, actor, order.id, now)
    except PlatformError as error:
        log.info("occurrence with a problem", schedule_id=str(schedule.id), code=error.code)
        occurrence.problem = error.code


def _tell(
    session: Session,
    schedule: OrderSchedule,
    template: OrderTemplate,
    occurrence: ScheduleOccurrence,
    now: datetime,
) -> None:
    raise_alert(
        session,
        party_id=schedule.party_id,
        kind="order_not_repeated",
        at=now,
        now=now,
        order_id=occurrence.order_id,
        facts={"name": template.name, "day": f"{occurrence.date:%d/%m/%Y}", "problem": occurrence.problem},
        dedup=f"order_not_repeated/{schedule.id}/{occurrence.date}",
    )
