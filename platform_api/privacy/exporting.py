"""Writes a person's copy: a ZIP of JSON and CSV, row by row from a cursor of the server, in bounded memory."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from typing import IO
from uuid import UUID

from sqlalchemy import Connection, select, text

from config.database import get_engine
from platform_api import spool
from platform_api.accounts.models import User
from platform_api.actor import Role
from platform_api.csv_cells import cells, plain
from platform_api.organisations.rules import BUSINESSES
from platform_api.privacy import business_contents
from platform_api.privacy.contents import COMMON, OBJECTS, TABLES, Part, read_me
from platform_api.privacy.rules import copy_name

ROWS_AT_ONCE = 2_000
TELL_EVERY_ROWS = 20_000

Tell = Callable[[str, int], None]


class AlreadyBeingWritten(Exception):
    """Another task holds this export."""


def write_copy(export_id: UUID, subject_id: UUID, tell: Tell) -> tuple[int, int]:
    """Write the file; its bytes, and the rows in it. `tell` hears of the part and the rows so far, every now and then.

    Raises AlreadyBeingWritten.
    """
    # A connection of its own: the cursor holds its transaction open while `tell` commits others.
    with get_engine().connect() as connection, connection.begin():
        _hold(connection, export_id)
        with spool.new_file(copy_name(export_id)) as file:
            rows = _write(connection, file, subject_id, tell)
            file.seek(0, io.SEEK_END)
            return file.tell(), rows


def _hold(connection: Connection, export_id: UUID) -> None:
    held = connection.execute(
        text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"export {export_id}"}
    ).scalar()
    if not held:
        raise AlreadyBeingWritten


def _write(connection: Connection, file: IO[bytes], subject_id: UUID, tell: Tell) -> int:
    rows = 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        tables = _tables_of(connection, subject_id)
        archive.writestr("README.txt", read_me(tables))
        for name, part in OBJECTS.items():
            row = connection.execute(part.query, {"subject": subject_id}).mappings().one()
            archive.writestr(f"{name}.json", json.dumps(plain(dict(row)), ensure_ascii=False, indent=2))
        for part in tables:
            tell(part.name, rows)
            # ZIP64, as nobody knows beforehand how much it will be.
            with archive.open(f"{part.name}.csv", "w", force_zip64=True) as raw:
                rows = _write_table(connection, raw, part, subject_id, rows, tell)
    return rows


def _tables_of(connection: Connection, subject_id: UUID) -> tuple[Part, ...]:
    role = Role(connection.execute(select(User.role).where(User.id == subject_id)).scalar_one())
    if role is Role.DRIVER:
        return TABLES
    return (*COMMON, *business_contents.TABLES) if role in BUSINESSES else COMMON


def _write_table(
    connection: Connection, raw: IO[bytes], part: Part, subject_id: UUID, rows: int, tell: Tell
) -> int:
    with io.TextIOWrapper(raw, encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        streamed = connection.execution_options(stream_results=True, max_row_buffer=ROWS_AT_ONCE)
        with streamed.execute(part.query, {"subject": subject_id}) as result:
            writer.writerow(result.keys())
            for piece in result.partitions(ROWS_AT_ONCE):
                writer.writerows(cells(row) for row in piece)
                before, rows = rows, rows + len(piece)
                if before // TELL_EVERY_ROWS != rows // TELL_EVERY_ROWS:
                    tell(part.name, rows)
    return rows
