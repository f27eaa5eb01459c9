"""Content on disk, named by its sha256: two levels of folders, written whole or not at all."""

import hashlib
import os
from pathlib import Path
from uuid import uuid4

from config.settings import get_settings


def path_of(sha256: str) -> Path:
    return Path(get_settings().files_dir) / sha256[:2] / sha256


def write(content: bytes) -> str:
    """The sha256 (hex). What is there already is not written again. On the disk when this returns."""
    sha256 = hashlib.sha256(content).hexdigest()
    path = path_of(sha256)
    if path.exists():
        # Younger from now on: the sweep must not take what a row is about to refer to.
        os.utime(path)
        return sha256
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{sha256}.{uuid4().hex}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)
    return sha256


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def delete(sha256: str) -> None:
    """Again is harmless."""
    path_of(sha256).unlink(missing_ok=True)
