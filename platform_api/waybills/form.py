"""The boxes of a waybill's form and what stands in them, in French. Pure; `printing` draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from platform_api.waybills.rules import NBSP, reserve_words, shown_number

# Grows when the same content is to be drawn another way: what was cached is drawn anew.
LAYOUT = 2
_ISSUED_IN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Box:
    """`width`: share of the row. `picture`: sha256 (hex) of a file that is drawn under the text."""

    title: str
    text: str
    width: float = 1.0
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    height_mm: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """`void`: why it is void. `annex`: (title, text) of what has no box."""

    number: str
    carrier: str
    url: str
    subtitle: tuple[str, ...]
    rows: tuple[Row, ...]
    foot: tuple[str, ...]
    annex: tuple[tuple[str, str], ...] = ()
    void: str | None = None
    layout: int = LAYOUT

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        rows = tuple(Row(row["height_mm"], tuple(Box(**box) for box in row["boxes"])) for row in told["rows"])
        annex = tuple((title, text) for title, text in told["annex"])
        return cls(
            **{
                **told,
                "rows": rows,
                "annex": annex,
                "subtitle": tuple(told["subtitle"]),
                "foot": tuple(told["foot"]),
            }
        )


@dataclass(frozen=True, slots=True)
class Amendment:
    kind: str
    at: datetime
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Signature:
    """Taken on a phone. `party`: sender or consignee; `sha256` (hex) of the picture."""

    party: str
    at: datetime
    name: str
    sha256: str


def form_of(
    content: Mapping[str, Any],
    amendments: Sequence[Amendment],
    *,
    content_sha256: str,
    url: str,
    freight_xof: int | None,
    void: str | None,
    signatures: Sequence[Signature] = (),
) -> Form:
    """`freight_xof` None: the reader does not see it, or there is none.

    Of `signatures` those are drawn that belong to the loading and the delivery that the paper tells of.
    """
    number = shown_number(content["number"])
    delivered = next((each for each in reversed(amendments) if each.kind == "delivery"), None)
    return Form(
        number=number,
        carrier=content["carrier"]["name"],
        url=url,
        subtitle=(
            "Contrat de transport de marchandises par route. Acte uniforme OHADA (AUCTMR) du 22 mars 2003, article 4.",
            f"Établie à {_short(content['issued_in'])}, le {_when(content['issued_at'])}. "
            f"Commande {content['order_reference']}.",
        ),
        rows=_rows(content, amendments, delivered, freight_xof, signatures),
        foot=(
            f"Empreinte SHA-256 du contenu : {content_sha256}",
            f"Vérification : {url}",
        ),
        void=void,
    )


def _rows(
    content: Mapping[str, Any],
    amendments: Sequence[Amendment],
    delivered: Amendment | None,
    freight_xof: int | None,
    signatures: Sequence[Signature],
) -> tuple[Row, ...]:
    return (
        Row(
            25,
            (_party("1. Expéditeur", content["sender"]), _party("2. Destinataire", content["consignee"])),
        ),
        Row(23, (_party("3. Transporteur", content["carrier"]), _truck(content))),
        Row(22, (_taking_over(content, amendments), _delivery(content, delivered))),
        Row(38, _goods(content["goods"], amendments)),
        Row(
            24,
            (
                Box("11. Instructions (douane et autres)", content["instructions"]),
                _special(content["goods"]),
            ),
        ),
        Row(13, (_freight(freight_xof), Box("14. Points d'arrêt", ", ".join(content["stops"]) or "Néant"))),
        Row(
            38,
            (
                Box(
                    "15. Réserves à la prise en charge",
                    _reserves(content["reserves"], amendments, "pickup"),
                ),
                Box("16. Réserves à la livraison", _reserves("", amendments, "delivery")),
            ),
        ),
        Row(45, _signatures(content, delivered, _taken_at(content, amendments), signatures)),
    )


def _party(title: str, party: Mapping[str, Any]) -> Box:
    lines = [party["name"] or "Non précisé", party["address"]]
    lines.append(f"Tél. {party['phone']}" if party["phone"] else "")
    ids = [f"{label} {party[key]}" for key, label in (("ninea", "NINEA"), ("rccm", "RCCM")) if party[key]]
    return Box(title, _lines(*lines, " · ".join(ids)))


def _truck(content: Mapping[str, Any]) -> Box:
    return Box(
        "4. Véhicule et conducteur",
        _lines(f"Immatriculation {content['plate']}", f"Conducteur : {content['driver']}"),
    )


def _taking_over(content: Mapping[str, Any], amendments: Sequence[Amendment]) -> Box:
    place = content["taking_over"]
    at = _taken_at(content, amendments)
    taken = f"Pris en charge le {_when(at)}" if at else "Prise en charge à constater"
    return Box("5. Prise en charge : lieu et date", _lines(place["name"], taken, _window(place)))


def _taken_at(content: Mapping[str, Any], amendments: Sequence[Amendment]) -> str | None:
    at: str | None = content["taking_over"]["at"]
    for each in amendments:
        if each.kind == "loading" and each.content.get("at"):
            at = each.content["at"]
    return at


def _delivery(content: Mapping[str, Any], delivered: Amendment | None) -> Box:
    place = content["delivery"]
    done = f"Livré le {_when(delivered.at.isoformat())}" if delivered else ""
    return Box("6. Livraison : lieu et délai", _lines(place["name"], _window(place), done))


def _window(place: Mapping[str, Any]) -> str:
    opens, closes = place["opens_at"], place["closes_at"]
    if opens and closes:
        return f"Convenu entre le {_when(opens)} et le {_when(closes)}"
    if opens or closes:
        return f"Convenu {'à partir du' if opens else 'avant le'} {_when(opens or closes)}"
    return ""


def _goods(goods: Mapping[str, Any], amendments: Sequence[Amendment]) -> tuple[Box, ...]:
    loaded = {key: goods[f"loaded_{key}"] for key in ("weight_kg", "packages")}
    seals = list(goods["seals"])
    for each in amendments:
        if each.kind == "loading":
            loaded |= {key: each.content[key] for key in loaded if each.content.get(key) is not None}
            seals = each.content.get("seals") or seals
    count = [f"Déclaré : {_number(goods['packages'])}" if goods["packages"] else ""]
    count.append(f"Chargé : {_number(loaded['packages'])}" if loaded["packages"] is not None else "")
    weight = [f"Déclaré : {_number(goods['declared_weight_kg'])} kg" if goods["declared_weight_kg"] else ""]
    weight.append(f"Chargé : {_number(loaded['weight_kg'])} kg" if loaded["weight_kg"] else "")
    weight.append(f"Volume : {_decimal(goods['volume_m3'])} m³" if goods["volume_m3"] else "")
    return (
        Box("7. Nature de la marchandise", goods["description"], 2.2),
        Box(
            "8. Emballage et nombre de colis",
            _lines(PACKAGING.get(goods["packaging"] or "", goods["packaging"] or ""), *count),
            1.2,
        ),
        Box("9. Marques, numéros, scellés", _lines(*seals) or "Néant", 1.2),
        Box("10. Poids brut ou quantité", _lines(*weight), 1.3),
    )


PACKAGING = {
    "bulk": "Vrac", "liquid_bulk": "Vrac liquide", "bags": "Sacs", "big_bags": "Big bags", "pallets": "Palettes",
    "boxes": "Cartons", "crates": "Caisses", "drums": "Fûts", "bales": "Balles", "container_20": "Conteneur 20'",
    "container_40": "Conteneur 40'", "container_40_hc": "Conteneur 40' HC", "loose": "Non emballé", "other": "Autre",
}  # fmt: skip
NEEDS = {
    "refrigerated": "température dirigée", "fragile": "fragile", "hazardous": "marchandise dangereuse",
    "oversize": "hors gabarit", "tarpaulin": "bâche", "tail_lift": "hayon élévateur", "crane": "grue",
    "straps": "sangles", "loaders": "manutentionnaires", "sealed": "sous scellés", "escort": "escorte",
    "no_transhipment": "transbordement interdit", "customs": "sous douane", "night_access": "accès de nuit",
}  # fmt: skip


def _special(goods: Mapping[str, Any]) -> Box:
    low, high = goods["temperature_min_c"], goods["temperature_max_c"]
    lines = [
        f"N° ONU {goods['un_number']}" if goods["un_number"] else "",
        f"Température : de {_decimal(low)} à {_decimal(high)} °C"
        if low is not None or high is not None
        else "",
        ", ".join(NEEDS.get(need, need) for need in goods["needs"]),
        f"Valeur déclarée : {_money(goods['value_xof'])}" if goods["value_xof"] else "",
    ]
    return Box("12. Particularités, valeur déclarée", _lines(*lines) or "Néant")


def _freight(freight_xof: int | None) -> Box:
    text = _money(freight_xof) if freight_xof is not None else "Selon la convention des parties"
    return Box("13. Prix du transport et frais accessoires", text)


def _reserves(at_issue: str, amendments: Sequence[Amendment], stage: str) -> str:
    told = [at_issue] if at_issue else []
    for each in amendments:
        text = _amended(each, stage)
        if text:
            told.append(f"{_when(each.at.isoformat())} : {text}")
    return "\n".join(told) or "Néant"


def _amended(each: Amendment, stage: str) -> str:
    if each.kind == "loading":
        return str(each.content.get("reserves") or "") if stage == "pickup" else ""
    if each.kind == "reserves" and each.content.get("stage") != stage:
        return ""
    if each.kind == "delivery" and stage != "delivery":
        return ""
    told = each.content.get("reserves") if each.kind == "delivery" else each.content
    return reserve_words(told or {})


def _signatures(
    content: Mapping[str, Any],
    delivered: Amendment | None,
    taken_at: str | None,
    signatures: Sequence[Signature],
) -> tuple[Box, ...]:
    by_sender = _signed("sender", datetime.fromisoformat(taken_at) if taken_at else None, signatures)
    by_consignee = _signed("consignee", delivered.at if delivered else None, signatures)
    handed_over = received = ""
    if by_sender is not None:
        who = f"Remis par {by_sender.name}" if by_sender.name else "Remis"
        handed_over = _lines(who, f"le {_when(by_sender.at.isoformat())}")
    if delivered is not None:
        code = "Code du destinataire vérifié" if delivered.content.get("code") == "right" else ""
        received = _lines(
            f"Reçu par {delivered.content.get('receiver_name', '')}",
            f"le {_when(delivered.at.isoformat())}",
            code,
        )
    return (
        Box("17. Signature de l'expéditeur", handed_over, picture=by_sender.sha256 if by_sender else None),
        Box("18. Signature du transporteur", content["driver"]),
        Box(
            "19. Signature du destinataire",
            received,
            picture=by_consignee.sha256 if by_consignee else None,
        ),
    )


def _signed(party: str, at: datetime | None, signatures: Sequence[Signature]) -> Signature | None:
    """What the party signed at that time; another time is that of other words."""
    return next((each for each in signatures if each.party == party and each.at == at), None)


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


def _short(text: str) -> str:
    return text if len(text) <= _ISSUED_IN_CHARS else text[: _ISSUED_IN_CHARS - 1] + "…"


def _number(value: int) -> str:
    return f"{value:,}".replace(",", NBSP)


def _decimal(value: float | None) -> str:
    return "…" if value is None else f"{value:g}".replace(".", ",")


def _money(value_xof: int) -> str:
    return f"{_number(value_xof)}{NBSP}F{NBSP}CFA"


def _when(time: str) -> str:
    """Dakar keeps UTC all year."""
    return f"{datetime.fromisoformat(time):%d/%m/%Y à %H:%M}"
