"""Signatures taken on a phone: whose, when, and the picture as it is drawn on the paper."""

import io
from collections.abc import Sequence
from uuid import UUID

from PIL import Image, ImageChops, ImageOps
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from platform_api.execution.models import DriverAction, DriverActionFile
from platform_api.files import disk
from platform_api.files.models import File
from platform_api.waybills.form import Signature

# Twice what a printer makes of a box so wide.
DRAWN_PX = (900, 450)
# What unpacks to more is a photo of a desk; it stays a file of the order.
MAX_PIXELS = 25_000_000
# Of 255: paler than this on white paper is no ink that anybody sees.
_VISIBLE = 200
# What differs so little from the ground is the ground.
_GROUND = 24


def taken(session: Session, order_id: UUID) -> Sequence[Signature]:
    """Of the order: what was signed with the loading and the proof that count."""
    of_action = and_(
        DriverActionFile.user_id == DriverAction.user_id, DriverActionFile.action_id == DriverAction.id
    )
    rows = session.execute(
        select(DriverAction.kind, DriverAction.at, DriverAction.body, File.sha256)
        .join(DriverActionFile, of_action)
        .join(File, File.id == DriverActionFile.file_id)
        .where(
            DriverActionFile.order_id == order_id,
            DriverActionFile.role == "signature",
            DriverAction.kind.in_(("loading", "proof")),
            DriverAction.verdict == "applied",
        )
        .order_by(DriverAction.at, File.sha256)
    )
    return [
        Signature(
            "sender" if kind == "loading" else "consignee",
            at,
            body.get("sender_name" if kind == "loading" else "receiver_name", ""),
            sha256,
        )
        for kind, at, body, sha256 in rows
    ]


def load(sha256: str) -> bytes | None:
    """The file as `drawable`; None when it is gone or cannot be drawn."""
    try:
        return drawable(disk.path_of(sha256).read_bytes())
    except OSError:
        return None


def drawable(content: bytes) -> bytes | None:
    """A small opaque PNG, upright, cut to the ink; the same content gives the same bytes.

    None for what is too large, broken or blank. A pad may send pale ink on nothing at all: then the ink
    is drawn black.
    """
    try:
        with Image.open(io.BytesIO(content)) as opened:
            opened.draft("RGB", (DRAWN_PX[0] * 2, DRAWN_PX[1] * 2))
            if opened.width * opened.height > MAX_PIXELS:
                return None
            image = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    alpha = image.getchannel("A")
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=alpha)
    clear, solid = alpha.getextrema()
    palest = paper.convert("L").getextrema()[0]
    if clear != solid and palest > _VISIBLE:  # type: ignore[operator] # one band: two numbers
        paper = ImageOps.invert(alpha).convert("RGB")
    ink = ImageChops.invert(paper.convert("L")).point(lambda value: 255 if value > _GROUND else 0)
    box = ink.getbbox()
    if box is None:
        return None
    paper = paper.crop(box)
    paper.thumbnail(DRAWN_PX)
    drawn = io.BytesIO()
    paper.save(drawn, "PNG", optimize=True)
    return drawn.getvalue()
