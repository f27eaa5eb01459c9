"""Cursor pagination: a page continues after the last row's key, so new rows never shift it.

The cursor is opaque to clients: base64url of the JSON list of that key's values.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel
from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from platform_api.errors import BadRequest

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_CURSOR_CHARS = 512

T = TypeVar("T")

CursorValue = str | int | float | datetime | UUID


class Page(BaseModel, Generic[T]):
    """`next_cursor` is null on the last page."""

    items: list[T]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class PageQuery:
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


async def _page_query(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=MAX_CURSOR_CHARS)] = None,
) -> PageQuery:
    return PageQuery(limit=limit, cursor=cursor)


PageDep = Annotated[PageQuery, Depends(_page_query)]


def encode_cursor(values: Sequence[CursorValue]) -> str:
    plain = [value if isinstance(value, str | int | float) else _text(value) for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def _text(value: datetime | UUID) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def decode_cursor(cursor: str, types: Sequence[type]) -> list[Any]:
    """The key's values as `types` (of str, int, float, datetime, UUID); raises BadRequest `invalid_cursor`."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
        if not isinstance(values, list) or len(values) != len(types):
            raise ValueError("wrong number of values")
        return [_read(value, kind) for value, kind in zip(values, types, strict=True)]
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise BadRequest("invalid_cursor", "This cursor was not given out by this list.") from error


def _read(value: object, kind: type) -> Any:
    if kind in (datetime, UUID):
        if not isinstance(value, str):
            raise TypeError("text expected")
        return _aware(value) if kind is datetime else UUID(value)
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected")
    if kind is int and not -(2**63) <= int(str(value)) < 2**63:
        raise ValueError("out of range")
    return value


def _aware(value: str) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("time without zone")
    return time


def restrict(
    statement: Select[T],
    key: Sequence[InstrumentedAttribute[Any]],
    query: PageQuery,
    *,
    newest_first: bool = True,
) -> Select[T]:
    """`statement` in the order of `key`, from after the query's cursor on. Raises BadRequest `invalid_cursor`."""
    if query.cursor is not None:
        after = tuple_(*decode_cursor(query.cursor, [column.type.python_type for column in key]))
        statement = statement.where(tuple_(*key) < after if newest_first else tuple_(*key) > after)
    return statement.order_by(*(column.desc() if newest_first else column.asc() for column in key))


def fetch_page(
    session: Session,
    statement: Select[T],
    key: Sequence[InstrumentedAttribute[Any]],
    query: PageQuery,
    *,
    newest_first: bool = True,
) -> tuple[list[T], str | None]:
    """One page of `statement`, ordered by `key` (unique together), and the cursor of the next one.

    All columns of `key` run in the same direction.
    """
    ordered = restrict(statement, key, query, newest_first=newest_first)
    rows = list(session.scalars(ordered.limit(query.limit + 1)))
    if len(rows) <= query.limit:
        return rows, None
    last = rows[query.limit - 1]
    return rows[: query.limit], encode_cursor([getattr(last, column.key) for column in key])


def page_of(rows: Sequence[Any], next_cursor: str | None, convert: Callable[[Any], T]) -> Page[T]:
    return Page(items=[convert(row) for row in rows], next_cursor=next_cursor)
