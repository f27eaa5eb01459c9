"""The printed waybill: everything is on it, nothing runs over, and letters that no font has are no accident."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from reportlab.pdfbase.pdfmetrics import stringWidth

from platform_api.orders.content import Need, Packaging
from platform_api.orders.rules import UNDERWAY, OrderStatus
from platform_api.waybills import printing
from platform_api.waybills.form import NEEDS, PACKAGING, Amendment, Form, form_of
from platform_api.waybills.rules import (
    Contents,
    Goods,
    Party,
    Place,
    canonical,
    content_hash,
    is_waybill_missing,
    shown_number,
)

NOW = datetime(2026, 3, 2, 9, 12, tzinfo=UTC)
LATER = datetime(2026, 3, 3, 10, 5, tzinfo=UTC)
URL = "https://mess.example/verify/abcdefghijklmnopqrstuvwxyz012345"
CONTENTS = Contents(
    number=123,
    order_reference="MESS-26-7K3P9QX",
    issued_at=NOW.isoformat(),
    issued_in="Port de Dakar, môle 4",
    carrier=Party("Transports Ndiaye & Frères", "Km 4,5 bd du Centenaire", "+221771234567", "005123456", "SN-DKR-2015"),
    sender=Party("Société de Négoce <Riz>", "12 rue Félix Faure", "+221338210000"),
    consignee=Party("Awa Diop", "Marché central, Kaolack", "+221770001122"),
    taking_over=Place("Port de Dakar, môle 4", NOW.isoformat(), NOW.isoformat(), LATER.isoformat()),
    delivery=Place("Marché central, Kaolack", None, None, LATER.isoformat()),
    stops=("Thiès", "Mbour"),
    goods=Goods(
        "Riz brisé, sacs de 50 kg", "bags", 400, 20_000, 19_840, 398, 28.5, 9_600_000, "1263", ("sealed",), 2.0, 8.0,
        ("SN-004512",),
    ),
    instructions="Passer par le pont-bascule de Diamniadio",
    plate="DK-1234-AB",
    driver="Moussa Fall",
    reserves="Bâche usée",
)  # fmt: skip
DELIVERED = Amendment(
    "delivery",
    LATER,
    {
        "receiver_name": "Awa Diop",
        "code": "right",
        "reserves": {"text": "Sacs déchirés", "packages_damaged": 2, "packages_missing": 1},
    },
)


def form(contents: Contents = CONTENTS, *amendments: Amendment, **changes: Any) -> Form:
    content = contents.to_json()
    given_ = {
        "content_sha256": content_hash(content),
        "url": URL,
        "freight_xof": None,
        "void": None,
        **changes,
    }
    return form_of(content, amendments, **given_)


def pages(made: Form) -> list[str]:
    """Words of each page, with single spaces."""
    reader = PdfReader(io.BytesIO(printing.render(made)))
    return [" ".join(page.extract_text().split()) for page in reader.pages]


def test_everything_of_article_4_is_on_one_page() -> None:
    made = form(CONTENTS, DELIVERED, freight_xof=500_000)
    (page,) = pages(made)
    for text in (
        "LETTRE DE VOITURE", "LV-000123", "Établie à Port de Dakar, môle 4, le 02/03/2026 à 09:12", "MESS-26-7K3P9QX",
        "Transports Ndiaye & Frères", "NINEA 005123456", "Société de Négoce <Riz>", "+221338210000", "Awa Diop",
        "Pris en charge le 02/03/2026 à 09:12", "Marché central, Kaolack", "Convenu avant le 03/03/2026 à 10:05",
        "Riz brisé, sacs de 50 kg", "Sacs", "Déclaré : 400", "Chargé : 398", "SN-004512", "Déclaré : 20 000 kg",
        "Chargé : 19 840 kg", "28,5 m³", "Diamniadio", "N° ONU 1263", "de 2 à 8 °C", "9 600 000 F CFA",
        "500 000 F CFA", "Thiès, Mbour", "Bâche usée", "Sacs déchirés — 2 colis abîmé(s) — 1 colis manquant(s)",
        "17. Signature de l'expéditeur", "18. Signature du transporteur", "19. Signature du destinataire",
        "Reçu par Awa Diop", "Code du destinataire vérifié", "DK-1234-AB", "Moussa Fall", URL,
        content_hash(CONTENTS.to_json()),
    ):  # fmt: skip
        assert text in page.replace("\u00a0", " "), text
    assert "annexe" not in page
    assert "remplacées" not in page


def test_the_freight_is_left_out_for_others() -> None:
    (page,) = pages(form())
    assert "Selon la convention des parties" in page
    assert "500" not in page.replace("\u00a0", "")


def test_a_loading_after_the_issue_is_added() -> None:
    bare = replace(
        CONTENTS, goods=replace(CONTENTS.goods, loaded_weight_kg=None, loaded_packages=None, seals=())
    )
    bare = replace(bare, taking_over=replace(bare.taking_over, at=None), reserves="")
    (page,) = pages(form(bare))
    assert "Prise en charge à constater" in page
    loading = {
        "at": LATER.isoformat(),
        "weight_kg": 19_000,
        "packages": 380,
        "seals": ["SN-9"],
        "reserves": "Humide",
    }
    (page,) = pages(form(bare, Amendment("loading", LATER, loading)))
    for text in (
        "Pris en charge le 03/03/2026 à 10:05",
        "19 000 kg",
        "Chargé : 380",
        "SN-9",
        "10:05 : Humide",
    ):
        assert text in page.replace("\u00a0", " "), text


def test_a_void_one_says_so() -> None:
    made = pages(form(void="Erreur de poids"))
    assert "ANNULÉE" in made[0]
    assert "Erreur de poids" in made[1]


LONG = {
    "words": "Riz brisé parfumé de la vallée du fleuve " * 48,
    "one word": "A" * 1990,
    "wide": "W" * 1990,
    "lines": "x\n" * 990,
    "tags": "<b>&amp;</b>" * 160,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_long_texts_never_run_over(text: str) -> None:
    name = text.replace("\n", " ")[:120]
    party = Party(name, name * 4, "+221771234567", name[:20], name[:40])
    contents = Contents(
        number=10**12,
        order_reference="MESS-26-7K3P9QX",
        issued_at=NOW.isoformat(),
        issued_in=name,
        carrier=party,
        sender=party,
        consignee=party,
        taking_over=Place(name, NOW.isoformat(), NOW.isoformat(), NOW.isoformat()),
        delivery=Place(name, None, NOW.isoformat(), NOW.isoformat()),
        stops=(name,) * 20,
        goods=Goods(
            text, "container_40_hc", 10**6, 500_000, 500_000, 10**6, 500.0, 10**11, "1263", tuple(NEEDS), -30.0, 30.0,
            tuple(f"{number:02d}" + "S" * 38 for number in range(10)),
        ),
        instructions=text,
        plate=name[:20],
        driver=name,
        reserves=text,
    )  # fmt: skip
    reserves = Amendment("reserves", NOW, {"stage": "delivery", "text": text})
    delivered = replace(DELIVERED, content={"receiver_name": name, "reserves": {"text": text}})
    made = form(contents, reserves, delivered, freight_xof=10**9, void=text)
    told = pages(made)
    assert 2 <= len(told) <= 12
    assert all(f"({number})" in page for number, page in enumerate(told[1:], 1))
    annex = "".join("".join(page.split()) for page in told[1:]).replace("/", "")
    # page heads stand between the pieces of a text
    for number in range(1, len(told)):
        annex = annex.replace(f"AnnexeàlalettredevoitureN°{made.number}({number})", "")
    assert "".join(text.replace("/", "").split()) in annex
    inside(printing.render(made))


def inside(pdf: bytes) -> None:
    """No text begins outside of the margins, and what pypdf measures of the page is A4."""
    for page in PdfReader(io.BytesIO(pdf)).pages:
        places: list[tuple[float, float]] = []

        def visit(text: str, space: list[float], line: list[float], *rest: Any, seen: Any = places) -> None:
            if text.strip() and space[1] == 0:
                seen.append((line[4] + space[4], line[5] + space[5]))

        page.extract_text(visitor_text=visit)
        assert (round(page.mediabox.width), round(page.mediabox.height)) == (595, 842)
        assert places
        assert all(28 <= x <= 567 and 28 <= y <= 814 for x, y in places), places


def test_a_text_stays_in_its_box() -> None:
    """What is drawn in a box is as high as the box at most, at the smallest size too."""
    for text in LONG.values():
        for width, room in ((100.0, 20.0), (200.0, 60.0), (90.0, 30.0)):
            fitted = printing.fit(text, width, room)
            assert fitted.cut
            assert 0 < len(fitted.lines) * fitted.size * printing.LEADING <= room
            assert all(stringWidth(line, printing.FONT, fitted.size) <= width for line in fitted.lines)


@given(st.text("ab W\n", max_size=200), st.floats(20, 300))
def test_wrapping_loses_no_letter(text: str, width: float) -> None:
    lines = printing.wrap(text, printing.FONT, 8, width)
    assert "".join(lines).replace(" ", "") == "".join(text.split())
    assert all(stringWidth(line, printing.FONT, 8) <= width for line in lines)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("Sénégal — « 25 000 F » œuvre €", "Sénégal — « 25 000 F » œuvre €"),
        ("Fatou Ŋom", "Fatou Ngom"),
        ("Ɓaali Ɗem ƴi", "Baali Dem yi"),
        ("Łódź Ərəb", "Łódz ?r?b"),
        ("Ṭarīq ạ", "Tariq a"),
        ("محمد", "????"),
        ("🚚", "?"),
        ("a\u0301b", "ab"),
    ],
)
def test_letters_that_the_font_lacks(text: str, printed: str) -> None:
    assert printing.printable(text) == printed


def test_replaced_letters_are_said() -> None:
    (page,) = pages(form(replace(CONTENTS, driver="Ŋom محمد")))
    assert "Ngom ????" in page
    assert "Des lettres que cette police n'a pas sont remplacées" in page


@given(st.text(max_size=300))
@settings(max_examples=25, deadline=None)
def test_any_text_is_printed(text: str) -> None:
    assert printing.render(form(replace(CONTENTS, instructions=text, driver=text)))
    assert all(ord(each) in printing._glyphs() or each in "\n?" for each in printing.printable(text))


def test_the_same_content_gives_the_same_bytes() -> None:
    made = form(CONTENTS, DELIVERED)
    assert printing.render(made) == printing.render(Form.from_json(made.to_json()))
    assert Form.from_json(made.to_json()) == made


def test_the_hash_is_of_the_content() -> None:
    content = CONTENTS.to_json()
    assert content_hash(content) == content_hash(dict(reversed(content.items())))
    assert content_hash({**content, "plate": "DK-1234-AC"}) != content_hash(content)
    assert canonical({"b": 1, "a": "é"}) == '{"a":"é","b":1}'
    assert shown_number(7) == "LV-000007"


def test_every_word_of_an_order_has_a_french_one() -> None:
    assert PACKAGING.keys() == set(Packaging)
    assert NEEDS.keys() == set(Need)


@pytest.mark.parametrize("status", list(OrderStatus))
def test_when_one_is_missing(status: OrderStatus) -> None:
    assert is_waybill_missing(status, 7_001, None) is (status in UNDERWAY)
    assert not is_waybill_missing(status, 7_000, None)
    assert not is_waybill_missing(status, None, None)
    assert not is_waybill_missing(status, 20_000, 4)
