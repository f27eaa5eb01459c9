"""What a link shows as one small page: French or English, no script, nothing from elsewhere.

It renews itself by a header of the page, so that it works on any phone, and draws the way as a sketch: tiles of
a map would tell their server where the goods are.
"""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from math import cos, radians

from platform_api.languages import Language
from platform_api.tracking_links.rules import Stage
from platform_api.tracking_links.schemas import FollowedOut

REFRESH_S = 60
# Of the sketch, in its own units.
_SIZE, _MARGIN = 300.0, 20.0

_TEXTS: dict[Language, dict[str, str]] = {
    Language.FRENCH: {
        "title": "Suivi de livraison", "planned": "Prévue", "assigned": "Camion attribué", "loading": "Au chargement",
        "in_transit": "En route", "arrived": "Arrivée sur place", "delivered": "Livrée", "cancelled": "Annulée",
        "from": "Départ", "to": "Destination", "stop": "Étape", "picked_up": "Chargée le", "eta": "Arrivée estimée",
        "arrived_at": "Arrivée le", "delivered_at": "Livrée le", "window": "Livraison prévue",
        "position": "Dernière position", "truck": "Camion", "driver": "Chauffeur", "map": "Trajet parcouru",
        "gone": "Ce lien n'existe pas, ou plus.", "ask": "Demandez un nouveau lien à l'expéditeur.",
        "utc": "Heures de Dakar (UTC). La page se met à jour toute seule.",
    },
    Language.ENGLISH: {
        "title": "Delivery tracking", "planned": "Planned", "assigned": "Truck assigned", "loading": "Loading",
        "in_transit": "On its way", "arrived": "Arrived", "delivered": "Delivered", "cancelled": "Cancelled",
        "from": "From", "to": "To", "stop": "Stop", "picked_up": "Loaded", "eta": "Estimated arrival",
        "arrived_at": "Arrived", "delivered_at": "Delivered", "window": "Delivery planned",
        "position": "Last position", "truck": "Truck", "driver": "Driver", "map": "Way so far",
        "gone": "This link does not exist, or no longer.", "ask": "Ask the sender for a new one.",
        "utc": "Times of Dakar (UTC). The page renews itself.",
    },
}  # fmt: skip

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:34em;padding:1em;color:#1a1a1a;background:#fff}"
    "h1{font-size:1.2em;margin:0}.stage{display:inline-block;margin:.6em 0;padding:.2em .8em;border-radius:1em;"
    "background:#0b6e4f;color:#fff;font-weight:600}dl{display:grid;grid-template-columns:auto 1fr;gap:.2em 1em;margin:0}"
    "dt{color:#555}dd{margin:0}svg{width:100%;height:auto;background:#f3f5f4;border-radius:.5em;margin-top:1em}"
    "footer{color:#555;font-size:.85em;margin-top:1em}"
)


def render(seen: FollowedOut, language: Language) -> str:
    """The page of a link that lives."""
    say = _TEXTS[language]
    rows = [("from", seen.pickup.name), *(("stop", _stop(stop.name, stop.arrived_at)) for stop in seen.stops)]
    rows += [("to", seen.delivery.name)]
    rows += [("window", _span(seen.delivery_opens_at, seen.delivery_closes_at))]
    rows += [("picked_up", _at(seen.picked_up_at)), ("eta", _at(seen.eta_at))]
    rows += [("arrived_at", _at(seen.arrived_at)), ("delivered_at", _at(seen.delivered_at))]
    if seen.position is not None:
        rows.append(("position", _at(seen.position.time)))
    rows += [
        ("truck", seen.plate or ""),
        ("driver", " ".join(filter(None, (seen.driver_name, seen.driver_phone)))),
    ]
    listed = "".join(f"<dt>{escape(say[name])}</dt><dd>{escape(value)}</dd>" for name, value in rows if value)
    renewing = seen.stage not in (Stage.DELIVERED, Stage.CANCELLED)
    return _page(
        language,
        f"<h1>{escape(seen.reference)}</h1><p class=stage>{escape(say[seen.stage])}</p>"
        f"<dl>{listed}</dl>{_sketch(seen, say['map'])}<footer>{escape(say['utc'])}</footer>",
        renewing=renewing,
    )


def render_gone(language: Language) -> str:
    """The page of a link that shows nothing."""
    say = _TEXTS[language]
    return _page(language, f"<h1>{escape(say['gone'])}</h1><p>{escape(say['ask'])}</p>", renewing=False)


def _page(language: Language, body: str, *, renewing: bool) -> str:
    renew = f'<meta http-equiv="refresh" content="{REFRESH_S}">' if renewing else ""
    return (
        f'<!doctype html><html lang="{language.value}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">{renew}'
        f"<title>{escape(_TEXTS[language]['title'])}</title><style>{STYLE}</style></head><body>{body}</body></html>"
    )


def _at(time: datetime | None) -> str:
    return "" if time is None else f"{time:%d/%m/%Y %H:%M}"


def _stop(name: str, arrived_at: datetime | None) -> str:
    return f"{name} ({_at(arrived_at)})" if arrived_at else name


def _span(opens_at: datetime | None, closes_at: datetime | None) -> str:
    return " – ".join(filter(None, (_at(opens_at), _at(closes_at))))


def _sketch(seen: FollowedOut, title: str) -> str:
    """Places, way and truck to scale, north up; nothing without a position."""
    if seen.position is None:
        return ""
    ends = [(seen.pickup.lon, seen.pickup.lat), (seen.delivery.lon, seen.delivery.lat)]
    here = (seen.position.lon, seen.position.lat)
    placed = _scaled([*ends, here, *seen.route])
    pickup, delivery, truck = placed[:3]
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed[3:])
    return (
        f'<svg viewBox="0 0 {_SIZE:.0f} {_SIZE:.0f}" role="img"><title>{escape(title)}</title>'
        f'<polyline points="{way}" fill="none" stroke="#0b6e4f" stroke-width="3"/>'
        f'<circle cx="{pickup[0]:.1f}" cy="{pickup[1]:.1f}" r="6" fill="#888"/>'
        f'<circle cx="{delivery[0]:.1f}" cy="{delivery[1]:.1f}" r="7" fill="none" stroke="#b3261e" stroke-width="4"/>'
        f'<circle cx="{truck[0]:.1f}" cy="{truck[1]:.1f}" r="8" fill="#1565c0"/></svg>'
    )


def _scaled(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Degrees (lon, lat) to units of the sketch."""
    narrow = cos(radians(points[0][1]))
    flat = [(lon * narrow, lat) for lon, lat in points]
    west, south = min(x for x, _ in flat), min(y for _, y in flat)
    span = max(max(x for x, _ in flat) - west, max(y for _, y in flat) - south, 1e-6)
    unit = (_SIZE - 2 * _MARGIN) / span
    return [(_MARGIN + (x - west) * unit, _SIZE - _MARGIN - (y - south) * unit) for x, y in flat]
