"""Links of an order for its shipper's side, and the order as a link shows it, without signing in."""

import base64
import hashlib
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.error_handlers import error_response
from platform_api.errors import NotFound
from platform_api.languages import language_headers, language_of_texts
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.throttle.edge import LIMIT_ERRORS, limited
from platform_api.throttle.rules import Limit
from platform_api.tracking_links import page as pages
from platform_api.tracking_links import service
from platform_api.tracking_links.schemas import FollowedOut, LinkIn, LinkOut, NewLinkOut

router = APIRouter(tags=["tracking links"])

LINKS = "/api/v1/orders/{order_id}/tracking-links/"
# From one network: a consignee's page asks once a minute, a warehouse has many consignees.
FOLLOWING = Limit("tracking_link", times=120, per=timedelta(minutes=1))

_STYLE_HASH = base64.b64encode(hashlib.sha256(pages.STYLE.encode()).digest()).decode()
# Whoever has the address has the order: it goes into no referrer, cache or index.
PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
}
PAGE_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

TokenPath = Annotated[str, Path(max_length=200, description="as in the link")]


@router.post(
    LINKS,
    status_code=201,
    responses=errors("not_your_order", "order_not_found", "order_over", "too_many_links", "link_expiry"),
)
def create(order_id: UUID, body: LinkIn, session: SessionDep, actor: CurrentActor, now: NowDep) -> NewLinkOut:
    """A link for somebody without an account. Its token is shown this once, so no answer is kept to be repeated."""
    link, token = service.create_link(
        session,
        actor,
        order_id,
        label=body.label,
        expires_at=body.expires_at,
        shows_plate=body.shows_plate,
        shows_driver=body.shows_driver,
        now=now,
    )
    return NewLinkOut.made(link, token)


@router.get(LINKS, responses=errors("not_your_order", "order_not_found"))
def list_links(order_id: UUID, session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[LinkOut]:
    """Newest first, those that show nothing any more too."""
    rows, cursor = service.list_links(session, actor, order_id, page)
    return page_of(rows, cursor, LinkOut.model_validate)


@router.delete(
    LINKS + "{link_id}/",
    status_code=204,
    responses=errors("not_your_order", "order_not_found", "tracking_link_not_found"),
)
def revoke(order_id: UUID, link_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> None:
    """It shows nothing from now on."""
    service.revoke_link(session, actor, order_id, link_id, now)


@router.get(
    "/api/v1/track/{token}/",
    dependencies=[Depends(limited(FOLLOWING))],
    response_model=FollowedOut,
    responses=errors("tracking_link_not_found", *LIMIT_ERRORS),
)
def follow(token: TokenPath, request: Request, session: SessionDep, now: NowDep) -> Response:
    """One order, for whoever has its link: no login. The truck is shown only while it carries this order."""
    try:
        seen = FollowedOut.of(service.follow(session, token, now))
    except NotFound as error:
        refusal = error_response(request, error)
        refusal.headers.update(PRIVATE)
        return refusal
    return JSONResponse(seen.model_dump(mode="json"), headers=PRIVATE)


@router.get(
    "/track/{token}",
    dependencies=[Depends(limited(FOLLOWING))],
    response_class=HTMLResponse,
    responses={
        404: {"content": {"text/html": {}}, "description": "`tracking_link_not_found`"},
        **errors(*LIMIT_ERRORS),
    },
)
def show(token: TokenPath, request: Request, session: SessionDep, now: NowDep) -> HTMLResponse:
    """The same as a page for a phone, in French or English."""
    language = language_of_texts(request)
    headers = PRIVATE | {"Content-Security-Policy": PAGE_POLICY} | language_headers(language)
    try:
        seen = FollowedOut.of(service.follow(session, token, now))
    except NotFound:
        return HTMLResponse(pages.render_gone(language), status_code=404, headers=headers)
    return HTMLResponse(pages.render(seen, language), headers=headers)
