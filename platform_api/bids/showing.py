"""Bids as the edge shows them: with the latest counter-offer, and warnings in the reader's language."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Response
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.bids import repository, warnings
from platform_api.bids.models import Bid
from platform_api.bids.schemas import BidOut, BidWarningOut
from platform_api.deps import LanguageDep, NowDep
from platform_api.languages import Language, language_headers
from platform_api.orders import service as orders
from platform_api.orders.models import Order


@dataclass(frozen=True, slots=True)
class Showing:
    language: Language
    now: datetime

    def __call__(self, session: Session, order: Order, bids: Sequence[Bid]) -> list[BidOut]:
        """As many queries for one as for a page."""
        latest = repository.latest_counters(session, [bid.id for bid in bids])
        found = warnings.of_bids(session, order, bids, now=self.now)
        return [
            BidOut.of(
                bid,
                latest.get(bid.id),
                [BidWarningOut.of(one, self.language) for one in found.get(bid.id, [])],
            )
            for bid in bids
        ]

    def one(self, session: Session, actor: Actor, bid: Bid) -> BidOut:
        return self(session, orders.get_order(session, actor, bid.order_id), [bid])[0]


async def _showing(response: Response, language: LanguageDep, now: NowDep) -> Showing:
    response.headers.update(language_headers(language))
    return Showing(language, now)


ShowingDep = Annotated[Showing, Depends(_showing)]
