"""Body field types shared by all features."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints
from pydantic_core import PydanticCustomError


def _no_control_characters(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise PydanticCustomError("control_character", "control characters are not allowed")
    return text


MAX_NAME_CHARS = 120
MAX_TEXT_CHARS = 2000

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME_CHARS),
    AfterValidator(_no_control_characters),
]
OptionalName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MAX_NAME_CHARS),
    AfterValidator(_no_control_characters),
]
# Before telemetry and after us: such a time is a slip, and PostgreSQL can store years that Python cannot read.
EARLIEST_TIME = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_TIME = datetime(2100, 1, 1, tzinfo=UTC)


def _sane_utc(time: datetime) -> datetime:
    if not EARLIEST_TIME <= time < LATEST_TIME:
        raise PydanticCustomError(
            "time_out_of_range",
            "a time from {first} to {last} is expected",
            {"first": EARLIEST_TIME.year, "last": LATEST_TIME.year - 1},
        )
    return time.astimezone(UTC)


# A time without zone is refused: nobody can tell what it means.
Time = Annotated[AwareDatetime, AfterValidator(_sane_utc)]

MAX_ID = 2**63 - 1
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
