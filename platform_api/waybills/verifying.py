"""Whether a paper is genuine, for whoever holds it: no sign-in, and nothing that is only the parties' business."""

from datetime import timedelta
from html import escape
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import HTMLResponse

from platform_api.deps import SessionDep
from platform_api.errors import NotFound
from platform_api.schemas import errors
from platform_api.throttle.edge import LIMIT_ERRORS, limited
from platform_api.throttle.rules import Limit
from platform_api.waybills import service
from platform_api.waybills.schemas import VerifiedOut

# A weighbridge or a port's gate reads many papers through one network; a guesser of tokens needs 2^192.
VERIFY = Limit("waybill_verify", times=120, per=timedelta(minutes=10))

router = APIRouter(tags=["waybills"], dependencies=[Depends(limited(VERIFY))])

Token = Annotated[str, Path(max_length=64)]

_PAGE = """<!doctype html>
<html lang="fr"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>{title}</title>
<style>
body{{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:34rem;padding:1rem;color:#222}}
h1{{font-size:1.3rem}} dt{{color:#666;font-size:.85rem;margin-top:.6rem}} dd{{margin:0;overflow-wrap:anywhere}}
.good{{background:#e3f4e6;border-left:.4rem solid #2a8a3e}} .bad{{background:#fbe4e4;border-left:.4rem solid #b3261e}}
.good,.bad{{padding:.7rem 1rem;font-weight:600}}
</style></head><body><h1>{title}</h1>{body}</body></html>
"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    # The address itself is the key.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


@router.get("/api/v1/waybills/verify/{token}/", responses=errors("waybill_not_found", *LIMIT_ERRORS))
def verify(token: Token, session: SessionDep) -> VerifiedOut:
    """For whoever holds the paper: its QR code has the token. No sign-in."""
    return VerifiedOut.of(service.verify(session, token))


@router.get("/verify/{token}", include_in_schema=False)
def verify_page(token: Token, session: SessionDep) -> HTMLResponse:
    """The same as a page, for the phone that read the QR code."""
    try:
        found = VerifiedOut.of(service.verify(session, token))
    except NotFound:
        body = '<p class="bad">Aucune lettre de voiture ne porte ce code.</p>'
        return _page("Lettre de voiture inconnue", body, 404)
    return _page(f"Lettre de voiture {found.number}", _body(found), 200)


def _page(title: str, body: str, status: int) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(title=escape(title), body=body), status_code=status, headers=_HEADERS)


def _body(found: VerifiedOut) -> str:
    if not found.genuine:
        verdict, good = "Le contenu enregistré ne correspond pas à son empreinte.", False
    elif found.void:
        verdict, good = f"Annulée : {found.void_reason}", False
    else:
        verdict, good = "Authentique et en vigueur.", True
    told = [
        ("Transporteur", found.carrier),
        ("Immatriculation", found.plate),
        ("Marchandise", found.goods),
        ("Colis", "" if found.packages is None else str(found.packages)),
        ("Poids", "" if found.weight_kg is None else f"{found.weight_kg} kg"),
        ("Prise en charge", found.pickup),
        ("Livraison", found.delivery),
        ("Établie", f"à {found.issued_in}, le {found.issued_at:%d/%m/%Y à %H:%M} (UTC)"),
        (
            "Complétée depuis",
            ", ".join(f"{_KINDS[each.kind]} le {each.at:%d/%m/%Y à %H:%M}" for each in found.amended),
        ),
        ("Empreinte à comparer avec le papier", found.content_sha256),
    ]
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in told if value)
    return f'<p class="{"good" if good else "bad"}">{escape(verdict)}</p><dl>{items}</dl>'


_KINDS = {"loading": "chargement", "reserves": "réserves", "delivery": "livraison"}
