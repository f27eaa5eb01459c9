"""How tracking spells a time, over HTTP and WebSocket alike."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import PlainSerializer


def rfc3339(time: datetime) -> str:
    """UTC, with as many fractional digits as needed, e.g. 2026-01-26T15:57:02Z."""
    text = time.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


# Pydantic's own way writes six digits or none; a ping's time is spelled as everywhere else.
TimeOut = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
