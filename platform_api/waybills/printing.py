"""A waybill on paper: a form of fixed boxes on one A4 page, in French; what does not fit goes on in an annex.

A text is wrapped, then set smaller, then cut where the box ends and printed whole in the annex: no text
runs over another, however long. The font is Bitstream Vera, which reportlab brings along and embeds.
"""

import io
import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from reportlab.graphics import renderPDF
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import Color, black
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from platform_api.waybills.form import Box, Form

FONT, BOLD = "MessVera", "MessVeraBold"
LEADING = 1.22
SIZES = (8.0, 7.5, 7.0, 6.5, 6.0)
ANNEX_SIZE = 8.0
ANNEX_LINES = 60
MARGIN = 10 * mm
PAD = 1.5 * mm
TITLE_SIZE = 5.8
GREY = Color(0.45, 0.45, 0.45)
PALE_RED = Color(0.8, 0.1, 0.1, alpha=0.25)
CUT = " … (suite en annexe)"
# Of a box with a picture its lower part; the text has the rest.
PICTURE_SHARE = 0.5
NO_PICTURE = "Signature conservée au dossier"
# Letters of the region's languages that the font lacks, as people write them without.
_PLAIN = str.maketrans(
    {"ŋ": "ng", "Ŋ": "Ng", "ɓ": "b", "Ɓ": "B", "ɗ": "d", "Ɗ": "D", "ƴ": "y", "Ƴ": "Y", "’": "'"}
)


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    """Registers the fonts; the characters they have."""
    regular = TTFont(FONT, "Vera.ttf")
    pdfmetrics.registerFont(regular)
    pdfmetrics.registerFont(TTFont(BOLD, "VeraBd.ttf"))
    return frozenset(regular.face.charToGlyph)


def printable(text: str) -> str:
    """With what the font has: other letters lose their marks, and what has no likeness is a question mark."""
    known = _glyphs()
    if all(ord(character) in known or character == "\n" for character in text):
        return text
    printed = []
    for character in text:
        if ord(character) in known or character == "\n":
            printed.append(character)
            continue
        plain = unicodedata.normalize("NFKD", character.translate(_PLAIN))
        left = "".join(each for each in plain if ord(each) in known and not unicodedata.combining(each))
        printed.append(left or ("" if unicodedata.combining(character) else "?"))
    return "".join(printed)


# By sha256 a PNG; None = it cannot be drawn.
Pictures = Callable[[str], bytes | None]


def no_pictures(_sha256: str) -> bytes | None:
    return None


def render(form: Form, pictures: Pictures = no_pictures) -> bytes:
    """The PDF; the same form and pictures give the same bytes."""
    return _Sheet(form, pictures).draw()


@dataclass(slots=True)
class _Sheet:
    form: Form
    pictures: Pictures
    annex: list[tuple[str, str]] = field(default_factory=list)
    buffer: io.BytesIO = field(default_factory=io.BytesIO)
    canvas: Canvas = field(init=False)
    replaced: bool = False

    def draw(self) -> bytes:
        _glyphs()
        self.canvas = Canvas(self.buffer, pagesize=A4, invariant=1, pageCompression=1)
        self.canvas.setTitle(self._text(f"Lettre de voiture {self.form.number}"))
        self.canvas.setAuthor(self._text(self.form.carrier))
        self.canvas.setLineWidth(0.5)
        top = self._head()
        for row in self.form.rows:
            top = self._row(row.boxes, top, row.height_mm * mm)
        self.annex += self.form.annex
        if self.form.void is not None:
            self.annex.append(("Motif de l'annulation", self.form.void))
            self._stamp()
        self._foot()
        self.canvas.showPage()
        self._draw_annex()
        self.canvas.save()
        return self.buffer.getvalue()

    def _text(self, text: str) -> str:
        printed = printable(text)
        self.replaced = self.replaced or printed != text
        return printed

    def _head(self) -> float:
        """The y below it."""
        width, height = A4
        qr_mm = 26 * mm
        bottom = height - MARGIN - qr_mm
        self.canvas.setFont(BOLD, 17)
        self.canvas.drawString(MARGIN, height - MARGIN - 15, "LETTRE DE VOITURE")
        self.canvas.setFont(BOLD, 12)
        self.canvas.drawString(MARGIN, height - MARGIN - 33, f"N° {self.form.number}")
        self.canvas.setFont(FONT, 6.5)
        self.canvas.setFillColor(GREY)
        for line, text in enumerate(self.form.subtitle):
            self.canvas.drawString(MARGIN, height - MARGIN - 47 - 9 * line, self._text(text))
        self.canvas.setFillColor(black)
        code = QrCodeWidget(self.form.url, barLevel="M", barBorder=0)
        left, low, right, high = code.getBounds()
        drawing = Drawing(qr_mm, qr_mm, transform=[qr_mm / (right - left), 0, 0, qr_mm / (high - low), 0, 0])
        drawing.add(code)
        renderPDF.draw(drawing, self.canvas, width - MARGIN - qr_mm, bottom)
        return float(bottom - 3 * mm)

    def _row(self, boxes: Sequence[Box], top: float, height: float) -> float:
        whole = A4[0] - 2 * MARGIN
        share = whole / sum(box.width for box in boxes)
        left = MARGIN
        for box in boxes:
            self._box(box, left, top - height, box.width * share, height)
            left += box.width * share
        return top - height

    def _box(self, box: Box, left: float, bottom: float, width: float, height: float) -> None:
        self.canvas.rect(left, bottom, width, height)
        self.canvas.setFont(FONT, TITLE_SIZE)
        self.canvas.setFillColor(GREY)
        self.canvas.drawString(left + PAD, bottom + height - PAD - TITLE_SIZE + 1, box.title)
        self.canvas.setFillColor(black)
        room = height - 2 * PAD - TITLE_SIZE - 1
        text, top = box.text, bottom + PAD + room
        if box.picture is not None:
            drawn = self.pictures(box.picture)
            if drawn is None:
                text = f"{text}\n{NO_PICTURE}" if text else NO_PICTURE
            else:
                self._picture(drawn, left + PAD, bottom + PAD, width - 2 * PAD, room * PICTURE_SHARE)
                room *= 1 - PICTURE_SHARE
        fitted = fit(self._text(text), width - 2 * PAD, room)
        if fitted.cut:
            self.annex.append((box.title, text))
        self._lines(fitted.lines, fitted.size, left + PAD, top)

    def _picture(self, png: bytes, left: float, bottom: float, width: float, height: float) -> None:
        """As large as fits, with its own proportions."""
        picture = ImageReader(io.BytesIO(png))
        self.canvas.drawImage(
            picture, left, bottom, width, height, preserveAspectRatio=True, anchor="sw", mask=None
        )

    def _lines(self, lines: Sequence[str], size: float, left: float, top: float, font: str = FONT) -> None:
        self.canvas.setFont(font, size)
        for number, line in enumerate(lines, 1):
            self.canvas.drawString(left, top - number * size * LEADING + size * (LEADING - 1), line)

    def _stamp(self) -> None:
        width, height = A4
        self.canvas.saveState()
        self.canvas.translate(width / 2, height / 2)
        self.canvas.rotate(45)
        self.canvas.setFillColor(PALE_RED)
        self.canvas.setFont(BOLD, 84)
        self.canvas.drawCentredString(0, 0, "ANNULÉE")
        self.canvas.restoreState()

    def _foot(self) -> None:
        self.canvas.setFont(FONT, 5.8)
        self.canvas.setFillColor(GREY)
        lines = [*self.form.foot]
        if self.annex:
            lines.append("Une annexe suit : elle fait partie de la lettre de voiture.")
        if self.replaced:
            lines.append(
                "Des lettres que cette police n'a pas sont remplacées ; le texte exact est conservé avec l'empreinte."
            )
        for line, text in enumerate(lines):
            self.canvas.drawString(MARGIN, MARGIN + 8 * (len(lines) - 1 - line), printable(text))
        self.canvas.setFillColor(black)

    def _draw_annex(self) -> None:
        width, top = A4[0] - 2 * MARGIN, A4[1] - MARGIN - 24
        rows = [row for title, text in self.annex for row in self._annexed(title, text, width)]
        step = ANNEX_SIZE * LEADING
        per_page = int((top - MARGIN) / step)
        page = 0
        while rows:
            page += 1
            self.canvas.setFont(BOLD, 11)
            head = f"Annexe à la lettre de voiture N° {self.form.number} ({page})"
            self.canvas.drawString(MARGIN, A4[1] - MARGIN - 10, head)
            most = per_page
            while most < len(rows) and most > 1 and rows[most - 1][0] == BOLD:
                # No title stands alone at the end of a page.
                most -= 1
            for number, (font, line) in enumerate(rows[:most]):
                self._lines([line], ANNEX_SIZE, MARGIN, top - number * step, font)
            del rows[:most]
            self.canvas.showPage()

    def _annexed(self, title: str, text: str, width: float) -> list[tuple[str, str]]:
        """(font, line)"""
        if text.count("\n") > ANNEX_LINES:
            # A column of words would fill page after page.
            text = text.replace("\n", " / ")
        lines = wrap(self._text(text), FONT, ANNEX_SIZE, width)
        return [(BOLD, self._text(title)), *((FONT, line) for line in lines), (FONT, "")]


@dataclass(frozen=True, slots=True)
class Fitted:
    """`cut`: it did not fit even at the smallest size."""

    lines: Sequence[str]
    size: float
    cut: bool


def fit(text: str, width: float, room: float) -> Fitted:
    """The largest size (points) at which it fits; else as much of it as fits at the smallest."""
    for size in SIZES:
        lines = wrap(text, FONT, size, width)
        if len(lines) * size * LEADING <= room:
            return Fitted(lines, size, cut=False)
    size = SIZES[-1]
    kept = lines[: int(room / (size * LEADING))]
    if not kept:
        return Fitted([], size, cut=True)
    last = kept[-1]
    while last and stringWidth(last + CUT, FONT, size) > width:
        last = last[:-1]
    return Fitted([*kept[:-1], last.rstrip() + CUT], size, cut=True)


def wrap(text: str, font: str, size: float, width: float) -> list[str]:
    """Lines at most so wide (points), broken between words; a word longer than a line is broken anywhere."""
    _glyphs()
    space = stringWidth(" ", font, size)
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line, used = "", 0.0
        for word in paragraph.split():
            piece, wide = word, stringWidth(word, font, size)
            if line and used + space + wide <= width:
                line, used = f"{line} {piece}", used + space + wide
                continue
            if line:
                lines.append(line)
            while wide > width:
                head = _head_of(piece, font, size, width)
                lines.append(piece[:head])
                piece = piece[head:]
                wide = stringWidth(piece, font, size)
            line, used = piece, wide
        lines.append(line)
    return lines


def _head_of(word: str, font: str, size: float, width: float) -> int:
    """How many of its letters fit on a line; at least one."""
    used = 0.0
    for count, letter in enumerate(word):
        used += stringWidth(letter, font, size)
        if used > width:
            return max(1, count)
    return len(word)


@lru_cache(maxsize=64)
def rendered(form_json: str, pictures: Pictures) -> bytes:
    """`render`, once a content: a port's gate asks for the same paper many times."""
    return render(Form.from_json(json.loads(form_json)), pictures)
