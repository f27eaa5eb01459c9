"""/api/v1/orders/<id>/suggestions/: which trucks suit an order, and why."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.languages import language_of
from platform_api.schemas import errors
from platform_api.suggestions import service
from platform_api.suggestions.rules import MAX_SUGGESTIONS
from platform_api.suggestions.schemas import SuggestionOut, SuggestionsOut

router = APIRouter(prefix="/api/v1/orders", tags=["market"])

LimitQuery = Annotated[int, Query(ge=1, le=MAX_SUGGESTIONS)]


@router.get(
    "/{order_id}/suggestions/",
    responses=errors("order_not_found", "not_your_order", "order_brokered", "order_not_open"),
)
def suggest_trucks(
    order_id: UUID,
    request: Request,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    limit: LimitQuery = 20,
) -> SuggestionsOut:
    """Free trucks near the pickup and trucks that unload near it, the best first, with the parts of each score."""
    found = service.suggest_trucks(session, actor, order_id, limit=limit, now=now)
    language = language_of(request)
    return SuggestionsOut(items=[SuggestionOut.of(each, language) for each in found])
