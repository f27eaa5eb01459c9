"""The rows of each kind of export: what the asker may see, in the very form that the API shows it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Select, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from platform_api.actor import Actor
from platform_api.alerts.models import Alert
from platform_api.alerts.repository import inbox
from platform_api.alerts.schemas import AlertOut
from platform_api.exports.rules import Kind
from platform_api.incidents import service as incidents
from platform_api.incidents.models import Incident
from platform_api.incidents.schemas import IncidentOut
from platform_api.languages import Language
from platform_api.orders.models import Order
from platform_api.orders.repository import scoped
from platform_api.orders.schemas import OrderOut, shown_orders
from platform_api.telemetry import repository as telemetry_repository
from platform_api.telemetry import service as telemetry
from platform_api.telemetry.models import Interval
from platform_api.telemetry.schemas import IntervalOut
from platform_api.waybills import service as waybills
from platform_api.waybills.models import Waybill
from platform_api.waybills.schemas import WaybillOut

# Rows held in memory at a time; the server keeps the cursor.
ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Source:
    """`statement`: everything this actor may see; `time`: the column that the period is about.

    `show`: as many rows as were read together, in as few queries as for one.
    """

    schema: type[BaseModel]
    statement: Callable[[Actor], Select[Any]]
    time: InstrumentedAttribute[datetime]
    key: InstrumentedAttribute[Any]
    show: Callable[[Session, Sequence[Any], Actor], Sequence[BaseModel]]


def _own_orders(actor: Actor) -> Select[Order]:
    """Without the open market, which a carrier may see as well: that is no business of its own."""
    statement = scoped(actor)
    if actor.is_administrator:
        return statement
    me = actor.party_id
    mine = (Order.shipper_id == me, Order.broker_id == me, Order.carrier_id == me, Order.driver_id == me)
    return statement.where(or_(*mine))


SOURCES: Mapping[Kind, Source] = {
    Kind.ORDERS: Source(
        OrderOut,
        _own_orders,
        Order.created_at,
        Order.id,
        lambda _, rows, actor: shown_orders(rows, actor),
    ),
    Kind.ALERTS: Source(
        AlertOut,
        inbox,
        Alert.recorded_at,
        Alert.id,
        lambda _, rows, __: [AlertOut.of(row, Language.FRENCH) for row in rows],
    ),
    Kind.WAYBILLS: Source(
        WaybillOut,
        waybills.scoped,
        Waybill.issued_at,
        Waybill.id,
        lambda _, rows, __: [WaybillOut.of(row, waybills.verify_url(row)) for row in rows],
    ),
    Kind.INCIDENTS: Source(
        IncidentOut,
        incidents.scoped,
        Incident.recorded_at,
        Incident.id,
        lambda session, rows, _: [IncidentOut.of(each) for each in incidents.shown(session, rows)],
    ),
    Kind.INTERVALS: Source(
        IntervalOut,
        telemetry_repository.intervals,
        Interval.started_at,
        Interval.id,
        lambda session, rows, _: IntervalOut.all_of(telemetry.with_uids(session, rows, None)),
    ),
}


def rows(
    session: Session, actor: Actor, kind: Kind, start: datetime, end: datetime, limit: int
) -> Iterator[BaseModel]:
    """Oldest first, half-open [start, end), read by a cursor in bounded memory."""
    source = SOURCES[kind]
    statement = (
        source.statement(actor)
        .where(source.time >= start, source.time < end)
        .order_by(source.time, source.key)
        .limit(limit)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for piece in session.scalars(statement).partitions():
        # What is shown is forgotten by itself: a session holds unchanged rows weakly.
        yield from source.show(session, piece, actor)
