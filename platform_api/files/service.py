"""Upload once, refer to it from anything: documents, photos, signatures."""

import io
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from fastapi.responses import FileResponse
from PIL import Image, UnidentifiedImageError
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from config.database import after_commit
from platform_api.actor import Actor
from platform_api.errors import Invalid, NotFound
from platform_api.files import disk, rules
from platform_api.files.models import File

# A phone that uploaded photos may be out of coverage for days before it sends what refers to them.
UNUSED_KEPT = timedelta(days=14)
# A picture that unpacks to more is a bomb, not a photo (a 50-megapixel camera's fits).
MAX_PIXELS = 60_000_000


def store(session: Session, actor: Actor, *, content: bytes, name: str, now: datetime) -> File:
    """Keep a file for the actor's party. Raises TooLarge, Unsupported, Invalid `file_damaged`, TooMany."""
    rules.check_size(len(content))
    media_type = rules.media_type_of(content)
    if media_type in rules.IMAGES:
        _check_image(content)
    uploaded = session.scalar(
        select(func.count())
        .select_from(File)
        .where(File.party_id == actor.party_id, File.created_at > now - timedelta(days=1))
    )
    rules.check_quota(uploaded_today=uploaded or 0)
    row = File(
        party_id=actor.party_id,
        uploaded_by=actor.user_id,
        sha256=disk.write(content),
        media_type=media_type,
        size_bytes=len(content),
        name=name,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _check_image(content: bytes) -> None:
    damaged = Invalid("file_damaged", "The file says it is an image, but cannot be read as one.")
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise damaged
            image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise damaged from error


def find(session: Session, actor: Actor, file_id: UUID) -> File:
    """A file of the actor's own party. Raises NotFound `file_not_found`."""
    row = session.scalar(select(File).where(File.id == file_id, File.party_id == actor.party_id))
    if row is None:
        raise NotFound("file_not_found", "You have no such file.")
    return row


def use(
    session: Session,
    actor: Actor,
    file_id: UUID,
    *,
    now: datetime,
    allowed: frozenset[str] = rules.DOCUMENTS,
) -> File:
    """The file as part of something that lasts; from now on it is not swept away.

    Raises NotFound `file_not_found`, Unsupported `file_type_not_allowed`.
    """
    row = find(session, actor, file_id)
    rules.check_media_type(row.media_type, allowed)
    if row.used_at is None:
        row.used_at = now
    return row


def get(session: Session, file_id: UUID) -> File:
    """For a feature that has decided who may see it; the id comes from a row of its own."""
    return session.get_one(File, file_id)


def content_response(row: File) -> FileResponse:
    """The content, in a form that no browser takes for a page of ours."""
    return FileResponse(
        disk.path_of(row.sha256),
        media_type=row.media_type,
        filename=row.name or str(row.id),
        headers={
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, max-age=3600",
        },
    )


def sweep_unused(session: Session, now: datetime, limit: int = 500) -> int:
    """Drop files that nothing ever referred to; how many. Their content goes once no row needs it."""
    old = select(File.id).where(File.used_at.is_(None), File.created_at <= now - UNUSED_KEPT).limit(limit)
    gone = session.execute(delete(File).where(File.id.in_(old)).returning(File.sha256)).all()
    _forget_content(session, {row.sha256 for row in gone})
    return len(gone)


def _forget_content(session: Session, sha256s: set[str]) -> None:
    kept = set(session.scalars(select(File.sha256).where(File.sha256.in_(sha256s))))
    for sha256 in sha256s - kept:
        after_commit(session, lambda sha256=sha256: disk.delete(sha256))  # type: ignore[misc]


def drop(session: Session, file_ids: Collection[UUID]) -> int:
    """Files of which a feature let go, by its erasure; how many. One that something else refers to stays."""
    gone: set[str] = set()
    for file_id in sorted(set(file_ids)):
        try:
            with session.begin_nested():
                statement = delete(File).where(File.id == file_id).returning(File.sha256)
                gone.update(session.scalars(statement))
        except IntegrityError:
            continue
    _forget_content(session, gone)
    return len(gone)
