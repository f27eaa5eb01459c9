"""/api/v1/orders/<id>/detention/ and /api/v1/detention/: terms, the waiting clock, claims and their answers."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.detention import repository, service, terms
from platform_api.detention.rules import ClaimStatus, may_set_terms
from platform_api.detention.schemas import (
    AnswerIn,
    ClaimIn,
    ClaimOut,
    ContestIn,
    DetentionOut,
    SettleIn,
    TermsIn,
    TermsOut,
)
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.orders import service as orders
from platform_api.orders.money import is_customer
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

router = APIRouter(prefix="/api/v1", tags=["detention"], responses=errors("not_authenticated"))

_ANSWERS = errors(
    422,
    "detention_claim_not_found",
    "not_your_order",
    "claim_answered",
    "version_mismatch",
    "invalid_if_match",
)


@router.get("/detention/terms/", responses=errors("role_not_allowed"))
def read_terms(session: SessionDep, actor: CurrentActor) -> TermsOut:
    """What you offer for waiting, in all orders that say nothing else."""
    may_set_terms(actor)
    return TermsOut.of(terms.offered(session, actor.party_id))


@router.put("/detention/terms/", responses=errors(422, "role_not_allowed"))
def offer_terms(body: TermsIn, session: SessionDep, actor: CurrentActor, now: NowDep) -> TermsOut:
    """For all your orders that are awarded from now on; what was awarded before keeps its terms."""
    return TermsOut.of(terms.offer(session, actor, **body.model_dump(), now=now))


@router.put(
    "/orders/{order_id}/detention/terms/",
    responses=errors(422, "order_not_found", "not_your_order", "terms_fixed"),
)
def offer_order_terms(
    order_id: UUID, body: TermsIn, session: SessionDep, actor: CurrentActor, now: NowDep
) -> TermsOut:
    """For this order alone, until the first bid."""
    order, _ = orders.locked_order(session, actor, order_id)
    return TermsOut.of(terms.offer_for_order(session, actor, order, **body.model_dump(), now=now))


@router.get("/orders/{order_id}/detention/", responses=errors("order_not_found"))
def read_detention(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> DetentionOut:
    """How long the truck waited at each place and what that costs, from the visit log; and the claims.

    To the customer of a freight broker without what carrier and broker agreed on: he sees the waiting alone.
    """
    order = orders.get_order(session, actor, order_id)
    if not orders.is_party(order, actor):
        return DetentionOut(terms=TermsOut.of(terms.of_order(session, order)), places=[])
    view = service.view(session, order, now)
    if is_customer(orders.price_facts(order), actor):
        return DetentionOut.without_prices(view)
    return DetentionOut.of(view)


@router.post(
    "/orders/{order_id}/detention/claims/",
    status_code=201,
    responses=errors(
        422, "order_not_found", "detention_place_not_found", "not_your_load", "detention_running",
        "detention_not_due", "detention_too_late", "detention_claimed", *IDEMPOTENCY_ERRORS,
    ),
)  # fmt: skip
def claim(
    order_id: UUID, body: ClaimIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep
) -> ClaimOut:
    """By the carrier, once the truck has left, with the visits and pings as proof. One for each place."""

    def make() -> ClaimOut:
        order, _ = orders.locked_order(session, actor, order_id)
        return ClaimOut.of(service.claim(session, actor, order, body.place, note=body.note, now=now))

    return once.run(ClaimOut, make)


@router.get("/detention/claims/", responses=errors(400))
def list_claims(
    session: SessionDep,
    actor: CurrentActor,
    page: PageDep,
    status: Annotated[ClaimStatus | None, Query()] = None,
) -> Page[ClaimOut]:
    """Yours and those made to you, newest first; administrators see all."""
    rows, cursor = repository.page_claims(session, actor, page, status)
    return page_of(rows, cursor, ClaimOut.of)


@router.get("/detention/claims/{claim_id}/", responses=errors("detention_claim_not_found"))
def read_claim(claim_id: UUID, session: SessionDep, actor: CurrentActor, response: Response) -> ClaimOut:
    """A claim with its evidence and how it was answered."""
    found = service.get_claim(session, actor, claim_id)
    set_etag(response, found.version)
    return ClaimOut.of(found)


@router.post("/detention/claims/{claim_id}/accept/", responses=_ANSWERS)
def accept(
    claim_id: UUID,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    expected: IfMatch,
    body: AnswerIn | None = None,
) -> ClaimOut:
    """By the shipper, also after having contested it."""
    note = body.note if body else ""
    return ClaimOut.of(
        service.answer(session, actor, claim_id, ClaimStatus.ACCEPTED, note=note, expected=expected, now=now)
    )


@router.post("/detention/claims/{claim_id}/contest/", responses=_ANSWERS)
def contest(
    claim_id: UUID, body: ContestIn, session: SessionDep, actor: CurrentActor, now: NowDep, expected: IfMatch
) -> ClaimOut:
    """By the shipper, with his reason; then an administrator decides."""
    return ClaimOut.of(
        service.answer(
            session, actor, claim_id, ClaimStatus.CONTESTED, note=body.note, expected=expected, now=now
        )
    )


@router.post(
    "/detention/claims/{claim_id}/settle/",
    responses=errors(
        422, "detention_claim_not_found", "role_not_allowed", "claim_not_contested", "settlement_too_high",
        "version_mismatch", "invalid_if_match",
    ),
)  # fmt: skip
def settle(
    claim_id: UUID, body: SettleIn, session: SessionDep, actor: CurrentActor, now: NowDep, expected: IfMatch
) -> ClaimOut:
    """By an administrator, of a contested claim: at most what was claimed, or nothing."""
    return ClaimOut.of(
        service.settle(
            session,
            actor,
            claim_id,
            amount_xof=body.amount_xof,
            note=body.note,
            expected=expected,
            now=now,
        )
    )
