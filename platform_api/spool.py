"""Files that tasks write for people to fetch: one folder that API and task worker share, readable by them alone."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from config.settings import get_settings

_STRAY_AFTER_S = 24 * 3600.0


def folder() -> Path:
    path = Path(get_settings().export_dir)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def path_of(name: str) -> Path:
    return Path(get_settings().export_dir) / name


@contextmanager
def new_file(name: str) -> Iterator[IO[bytes]]:
    """To be written; takes its name when all of it is there, and is gone when something fails."""
    part = folder() / f"{name}.{uuid4().hex}.part"
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path_of(name))
    finally:
        part.unlink(missing_ok=True)


def delete(name: str) -> None:
    """Again is harmless."""
    path_of(name).unlink(missing_ok=True)


def delete_stray() -> int:
    """Parts of jobs that were killed."""
    count = 0
    for part in folder().glob("*.part"):
        if time.time() - part.stat().st_mtime > _STRAY_AFTER_S:
            part.unlink(missing_ok=True)
            count += 1
    return count
