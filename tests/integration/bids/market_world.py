"""Deals of two who act at once: straight through the services, as races need many."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from config.database import transaction
from platform_api.bids import counters, service
from platform_api.bids.rules import Seen
from platform_api.offers import service as offers
from platform_api.orders import calling_off
from platform_api.orders.cancelling import CancelReason
from tests.integration.orders.world import Market, World, open_market
from tests.support.api import Person
from tests.support.races import Act

ASKED, COUNTERED, OFFERED, REVISED = 400_000, 350_000, 370_000, 410_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """Two carriers of one truck each, taken off their orders between rounds."""

    world: World
    vehicles: tuple[tuple[Person, int], tuple[Person, int]]

    def market(self) -> Market:
        self.world.sql("UPDATE orders SET status = 'CANCELLED' WHERE vehicle_id = ANY (%s)",
                       [vehicle_id for _, vehicle_id in self.vehicles])  # fmt: skip
        return open_market(self.world, self.vehicles)


def fleet_of(world: World) -> Fleet:
    return Fleet(world, (world.fleet()[::2], world.fleet()[::2]))


def accept(market: Market, number: int, seen: Seen = Seen()) -> Act:  # noqa: B008 - frozen
    def act(session: Session, now: datetime) -> object:
        bid_id = market.bid_ids[number]
        return service.accept_bid(session, market.shipper, market.order_id, bid_id, now, seen=seen)

    return act


def withdraw(market: Market, number: int) -> Act:
    def act(session: Session, now: datetime) -> object:
        carrier, bid_id = market.carriers[number], market.bid_ids[number]
        return service.withdraw_bid(session, carrier, market.order_id, bid_id, now)

    return act


def revise(market: Market, number: int) -> Act:
    def act(session: Session, now: datetime) -> object:
        carrier, bid_id = market.carriers[number], market.bid_ids[number]
        return service.revise_bid(session, carrier, market.order_id, bid_id, {"amount_xof": REVISED}, now=now)

    return act


def cancel(market: Market) -> Act:
    def act(session: Session, now: datetime) -> object:
        return calling_off.cancel_order(
            session,
            market.shipper,
            market.order_id,
            reason_code=CancelReason.OTHER,
            reason="non",
            now=now,
        )

    return act


def expire_bids(session: Session, now: datetime) -> object:
    return service.expire_bids(session, now)


def made(work: Callable[[Session, datetime], UUID]) -> UUID:
    with transaction() as session:
        return work(session, datetime.now(UTC))


def counter(market: Market, number: int) -> UUID:
    return made(
        lambda session, now: counters.make_counter(
            session, market.shipper, market.order_id, market.bid_ids[number],
            amount_xof=COUNTERED, message="", valid_until=None, now=now,
        ).id
    )  # fmt: skip


def accept_counter(market: Market, number: int) -> Act:
    def act(session: Session, now: datetime) -> object:
        carrier, bid_id = market.carriers[number], market.bid_ids[number]
        return counters.accept_counter(
            session, carrier, market.order_id, bid_id, amount_xof=COUNTERED, now=now
        )

    return act


def withdraw_counter(market: Market, number: int) -> Act:
    def act(session: Session, now: datetime) -> object:
        bid_id = market.bid_ids[number]
        return counters.withdraw_counter(session, market.shipper, market.order_id, bid_id, now)

    return act


def offer(market: Market, number: int) -> UUID:
    return made(
        lambda session, now: offers.make_offer(
            session, market.shipper, market.order_id, carrier_id=market.carriers[number].party_id,
            amount_xof=OFFERED, vehicle_wishes="", message="", private=False, answer_by=None, now=now,
        ).id
    )  # fmt: skip


def accept_offer(market: Market, number: int, offer_id: UUID, vehicle_id: int) -> Act:
    def act(session: Session, now: datetime) -> object:
        carrier = market.carriers[number]
        return offers.accept_offer(
            session, carrier, market.order_id, offer_id, vehicle_id=vehicle_id, driver_id=None, now=now
        )

    return act


def withdraw_offer(market: Market, offer_id: UUID) -> Act:
    def act(session: Session, now: datetime) -> object:
        return offers.withdraw_offer(session, market.shipper, market.order_id, offer_id, now)

    return act


def sweep_offers(session: Session, now: datetime) -> object:
    return offers.sweep_offers(session, now + timedelta(hours=1))
