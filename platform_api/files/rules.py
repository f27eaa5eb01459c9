"""What kind of file it is, by its content and never by what its sender says."""

from platform_api.errors import TooLarge, TooMany, Unsupported

MAX_FILE_BYTES = 8 * 1024 * 1024
# A proof of delivery has a handful of photos: this is a program gone wild, or somebody filling the disk.
MAX_FILES_A_DAY = 500

JPEG, PNG, WEBP, PDF = "image/jpeg", "image/png", "image/webp", "application/pdf"
IMAGES = frozenset({JPEG, PNG, WEBP})
DOCUMENTS = IMAGES | {PDF}


def media_type_of(content: bytes) -> str:
    """By the magic numbers of the formats; raises Unsupported `file_type_not_allowed`.

    JPEG: ISO 10918-1 SOI; PNG: RFC 2083 3.1; WebP: RIFF container; PDF: ISO 32000-1 7.5.2.
    """
    if content.startswith(b"\xff\xd8\xff"):
        return JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return WEBP
    if content.startswith(b"%PDF-"):
        return PDF
    raise Unsupported("file_type_not_allowed", "A file is a JPEG, PNG or WebP picture, or a PDF.")


def check_media_type(media_type: str, allowed: frozenset[str]) -> None:
    if media_type not in allowed:
        raise Unsupported(
            "file_type_not_allowed", f"Only these kinds of file fit here: {', '.join(sorted(allowed))}."
        )


def check_size(size_bytes: int) -> None:
    if size_bytes > MAX_FILE_BYTES:
        raise TooLarge("file_too_large", f"A file has at most {MAX_FILE_BYTES // 1024**2} MiB.")


def check_quota(*, uploaded_today: int) -> None:
    if uploaded_today >= MAX_FILES_A_DAY:
        raise TooMany("file_quota_reached", "Too many files today. Try again tomorrow.", retry_after_s=3600)
