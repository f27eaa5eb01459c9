"""/api/v1/orders/<id>/rate/ and what is seen of a party: ratings, reliability."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from platform_api.actor import Actor, Role
from platform_api.deps import CurrentActor, NowDep, SessionDep, require_role
from platform_api.fields import Id
from platform_api.idempotency.once import OnceDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.profiles import service as profiles
from platform_api.ratings import service
from platform_api.ratings.schemas import (
    OrderRatingsOut,
    PublicRatingOut,
    RatingChange,
    RatingIn,
    RatingOut,
    SummaryOut,
)
from platform_api.reliability import service as reliability
from platform_api.reliability.schemas import ReliabilityOut, WaiverIn, WaiverOut
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

router = APIRouter(prefix="/api/v1", tags=["ratings"])

Administrator = Annotated[Actor, Depends(require_role(Role.ADMINISTRATOR))]


@router.post(
    "/orders/{order_id}/rate/",
    status_code=201,
    responses=errors(
        "order_not_found", "not_your_order", "order_not_done", "rating_too_late", "rating_exists"
    ),
)
def rate(
    order_id: UUID, body: RatingIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep
) -> RatingOut:
    """Within 14 days of completion, the carrier and whoever ran the order each other. Neither reads the other's
    before it has given its own, or the time is over."""

    def make() -> RatingOut:
        row = service.rate(session, actor, order_id, stars=body.stars, comment=body.comment, now=now)
        return RatingOut.model_validate(row)

    return once.run(RatingOut, make)


@router.patch("/orders/{order_id}/rate/", responses=errors("order_not_found", "not_rated", "rating_fixed"))
def change(
    order_id: UUID,
    body: RatingChange,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    expected: IfMatch,
    response: Response,
) -> RatingOut:
    """For 48 hours, until the other side reads it."""
    row = service.change(
        session, actor, order_id, stars=body.stars, comment=body.comment, expected=expected, now=now
    )
    set_etag(response, row.version)
    return RatingOut.model_validate(row)


@router.get("/orders/{order_id}/ratings/", responses=errors("order_not_found"))
def of_order(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> OrderRatingsOut:
    """Yours, and the other side's once it is seen."""
    rows = service.of_order(session, actor, order_id, now)
    return OrderRatingsOut(items=[RatingOut.model_validate(row) for row in rows])


@router.get("/profiles/{party_id}/ratings/", responses=errors("profile_not_found"))
def of_party(
    party_id: UUID, session: SessionDep, _: CurrentActor, page: PageDep, now: NowDep
) -> Page[PublicRatingOut]:
    """What everybody on the market sees, newest first."""
    profiles.read_public(session, party_id, now)
    rows, cursor = service.of_party(session, party_id, page, now)
    return page_of(rows, cursor, PublicRatingOut.model_validate)


@router.get("/profiles/{party_id}/ratings/summary/", responses=errors("profile_not_found"))
def summary(party_id: UUID, session: SessionDep, _: CurrentActor, now: NowDep) -> SummaryOut:
    """Average and number."""
    profiles.read_public(session, party_id, now)
    return SummaryOut.model_validate(service.summary(session, party_id, now))


@router.get("/profiles/{party_id}/reliability/", responses=errors("profile_not_found"))
def of_carrier(party_id: UUID, session: SessionDep, _: CurrentActor, now: NowDep) -> ReliabilityOut:
    """Of a carrier's last 20 loads."""
    profiles.read_public(session, party_id, now)
    return ReliabilityOut.model_validate(reliability.of_carrier(session, party_id))


@router.post(
    "/orders/{order_id}/waivers/",
    status_code=201,
    responses=errors("order_not_found", "carrier_not_of_order", "waived_already"),
)
def waive(
    order_id: UUID, body: WaiverIn, session: SessionDep, actor: Administrator, now: NowDep, once: OnceDep
) -> WaiverOut:
    """What is not to count against the carrier, by an administrator."""

    def make() -> WaiverOut:
        row = reliability.waive(
            session,
            actor,
            order_id,
            carrier_id=body.carrier_id,
            fault=body.fault,
            reason=body.reason,
            now=now,
        )
        return WaiverOut.model_validate(row)

    return once.run(WaiverOut, make)


@router.delete(
    "/orders/{order_id}/waivers/{waiver_id}/",
    status_code=204,
    response_class=Response,
    responses=errors("waiver_not_found"),
)
def take_back(order_id: UUID, waiver_id: Id, session: SessionDep, _: Administrator) -> None:
    """It counts again."""
    reliability.take_back(session, order_id, waiver_id)


@router.post("/ratings/{rating_id}/hide/", responses=errors("rating_not_found"))
def hide(rating_id: Id, session: SessionDep, _: Administrator, now: NowDep) -> RatingOut:
    """By an administrator, when the words break the rules."""
    return RatingOut.model_validate(service.hide(session, rating_id, hidden=True, now=now))


@router.post("/ratings/{rating_id}/show/", responses=errors("rating_not_found"))
def show(rating_id: Id, session: SessionDep, _: Administrator, now: NowDep) -> RatingOut:
    """Take hiding back."""
    return RatingOut.model_validate(service.hide(session, rating_id, hidden=False, now=now))
