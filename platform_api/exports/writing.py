"""Writes an export: row by row, in bounded memory, under a name that appears when all of it is there."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import IO

from pydantic import BaseModel
from sqlalchemy.orm import Session

from platform_api import spool
from platform_api.actor import Actor
from platform_api.csv_cells import cells
from platform_api.exports import rules, sources
from platform_api.exports.models import BulkExport

TELL_EVERY_ROWS = 20_000

Tell = Callable[[int], None]


def write(session: Session, export: BulkExport, actor: Actor, tell: Tell) -> tuple[int, int]:
    """Bytes and rows of the file. `tell` hears of the rows so far, every now and then."""
    kind, form = rules.Kind(export.kind), rules.Format(export.format)
    name = rules.file_name(export.id, form)
    found = sources.rows(session, actor, kind, export.from_time, export.until_time, rules.MAX_ROWS)
    with spool.new_file(name) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        counted = _counted(found, tell)
        if form is rules.Format.CSV:
            rows = _csv(text, counted, sources.SOURCES[kind].schema)
        else:
            rows = _ndjson(text, counted)
        text.flush()
        size = raw.tell()
        text.detach()
    return size, rows


def _counted(found: Iterator[BaseModel], tell: Tell) -> Iterator[BaseModel]:
    for number, row in enumerate(found, start=1):
        yield row
        if number % TELL_EVERY_ROWS == 0:
            tell(number)


def _csv(text: IO[str], found: Iterator[BaseModel], schema: type[BaseModel]) -> int:
    """The columns are the fields that the API shows; what is nested is JSON in its cell."""
    writer = csv.writer(text)
    columns = list(schema.model_fields)
    writer.writerow(columns)
    rows = 0
    for row in found:
        plain = row.model_dump(mode="json")
        writer.writerow(cells(plain[column] for column in columns))
        rows += 1
    return rows


def _ndjson(text: IO[str], found: Iterator[BaseModel]) -> int:
    rows = 0
    for row in found:
        text.write(row.model_dump_json() + "\n")
        rows += 1
    return rows
