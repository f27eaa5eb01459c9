"""Signatures on the paper: whose they are, and how a picture of any kind becomes ink in a box."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from pypdf import PdfReader

from platform_api.waybills import printing, signing
from platform_api.waybills.form import Form, Signature
from tests.unit.platform_api.waybills.test_paper import CONTENTS, DELIVERED, LATER, NOW, form, inside

SENDER = Signature("sender", NOW, "Ibrahima Sarr", "a" * 64)
CONSIGNEE = Signature("consignee", LATER, "Awa Diop", "b" * 64)


def scrawl(
    mode: str = "RGB", ground: object = "white", ink: object = "navy", size: tuple[int, int] = (600, 200)
) -> Image.Image:
    image = Image.new(mode, size, ground)  # type: ignore[arg-type]
    ImageDraw.Draw(image).line([(100, 150), (250, 40), (300, 160), (480, 60)], fill=ink, width=6)  # type: ignore[arg-type]
    return image


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    made = io.BytesIO()
    image.save(made, kind, **options)
    return made.getvalue()


def drawn(content: bytes) -> Image.Image | None:
    png = signing.drawable(content)
    return None if png is None else Image.open(io.BytesIO(png))


def pictures(sha256: str) -> bytes | None:
    """Two of different widths."""
    return signing.drawable(saved(scrawl(ink="navy" if sha256[0] == "a" else "black")))


def read(made: Form, source: printing.Pictures = pictures) -> tuple[list[str], list[Image.Image]]:
    reader = PdfReader(io.BytesIO(printing.render(made, source)))
    words = [" ".join(page.extract_text().split()) for page in reader.pages]
    return words, [image.image for page in reader.pages for image in page.images if image.image is not None]


def test_both_parties_signatures_are_drawn_with_name_and_time() -> None:
    made = form(CONTENTS, DELIVERED, signatures=(SENDER, CONSIGNEE))
    (page,), images = read(made)
    assert "Remis par Ibrahima Sarr le 02/03/2026 à 09:12" in page
    assert "Reçu par Awa Diop le 03/03/2026 à 10:05" in page
    assert len(images) == 2
    for image in images:
        assert image.convert("L").getextrema()[1] > 60, "there is paper"
        assert image.convert("L").getextrema()[0] < 60, "and ink"
    assert printing.render(made, pictures) == printing.render(made, pictures)
    inside(printing.render(made, pictures))


def test_a_picture_stays_within_its_box_and_its_proportions() -> None:
    reader = PdfReader(
        io.BytesIO(printing.render(form(CONTENTS, DELIVERED, signatures=(SENDER, CONSIGNEE)), pictures))
    )
    places: list[list[float]] = []
    reader.pages[0].extract_text(
        visitor_operand_before=lambda op, args, cm, tm: places.append(list(cm)) if op == b"Do" else None
    )
    assert len(places) == 2
    third = (595 - 2 * printing.MARGIN) / 3
    png = pictures(SENDER.sha256)
    assert png is not None
    shape = Image.open(io.BytesIO(png)).size
    for number, (width, _, _, height, left, bottom) in zip((0, 2), places, strict=True):
        assert printing.MARGIN + number * third <= left
        assert left + width <= printing.MARGIN + (number + 1) * third
        assert bottom > 28
        assert height < 45 * 2.835 / 2
        assert width / height == pytest.approx(shape[0] / shape[1], rel=0.02)


def test_words_of_another_time_are_not_what_was_signed() -> None:
    early = replace(CONSIGNEE, at=LATER - timedelta(hours=1))
    _, images = read(form(CONTENTS, DELIVERED, signatures=(early, replace(SENDER, at=LATER))))
    assert images == []
    _, images = read(form(CONTENTS, signatures=(CONSIGNEE,)))
    assert images == [], "nothing was delivered"


def test_a_picture_that_is_gone_is_told_of() -> None:
    (page,), images = read(form(CONTENTS, DELIVERED, signatures=(CONSIGNEE,)), lambda _: None)
    assert images == []
    assert printing.NO_PICTURE in page
    assert "Reçu par Awa Diop" in page


def test_long_names_leave_room_for_the_picture() -> None:
    name = "Société de Négoce et de Distribution de Riz Brisé Parfumé " * 2
    long = replace(DELIVERED, content={**DELIVERED.content, "receiver_name": name[:120]})
    words, images = read(form(CONTENTS, long, signatures=(replace(SENDER, name=name[:120]), CONSIGNEE)))
    assert (len(words), len(images)) == (1, 2), "still one page"


@pytest.mark.parametrize(
    "content",
    [
        saved(scrawl()),
        saved(scrawl("RGBA", (0, 0, 0, 0), (10, 20, 90, 255))),
        saved(scrawl("RGBA", (255, 255, 255, 0), (255, 255, 255, 255))),
        saved(scrawl("L", 255, 0)),
        saved(scrawl("LA", (255, 0), (0, 255))),
        saved(scrawl("1", 1, 0)),
        saved(scrawl().convert("P")),
        saved(scrawl(), "JPEG"),
        saved(scrawl("CMYK", (0, 0, 0, 0), (0, 0, 0, 255)), "JPEG"),
        saved(scrawl(), "WEBP"),
        saved(scrawl("I;16", 65535, 0)),
        saved(scrawl(size=(4000, 3000)), "JPEG"),
    ],
    ids=["rgb", "transparent", "white ink on nothing", "grey", "grey alpha", "bits", "palette", "jpeg", "cmyk", "webp",
         "16 bit", "large"],
)  # fmt: skip
def test_ink_is_seen_whatever_the_pad_sends(content: bytes) -> None:
    image = drawn(content)
    assert image is not None
    assert image.mode == "RGB"
    assert image.width <= signing.DRAWN_PX[0]
    assert image.height <= signing.DRAWN_PX[1]
    low, high = image.convert("L").getextrema()
    assert high - low > 100
    assert signing.drawable(content) == signing.drawable(content)


def test_the_margins_of_the_pad_are_cut_off() -> None:
    image = drawn(saved(scrawl()))
    assert image is not None
    assert image.size[0] < 420
    assert image.size[1] < 150


def test_a_phone_held_upright_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = drawn(saved(scrawl(), "JPEG", exif=exif))
    assert image is not None
    assert image.height > image.width


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\nrubbish",
        saved(scrawl())[:200],
        saved(Image.new("RGB", (50, 50), "white")),
        saved(Image.new("RGBA", (50, 50), (0, 0, 0, 0))),
        saved(Image.new("1", (6000, 6000), 0)),
    ],
    ids=["empty", "rubbish", "cut off", "white", "nothing", "bomb"],
)
def test_what_cannot_be_drawn_is_none(content: bytes) -> None:
    assert signing.drawable(content) is None


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 300))
def test_no_bytes_break_it(rubbish: bytes, cut: int) -> None:
    signing.drawable(saved(scrawl())[:cut] + rubbish)
