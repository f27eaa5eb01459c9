"""PostgreSQL refuses to run as root: which user it gets then, and files that this user can reach."""

import hashlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from cli.parts.process import Identity, PartFailed

# An account that every Linux has: the machine's user list stays as it is.
ACCOUNTS = ("postgres", "nobody")
SHARED = Path("/var/lib/mess-embedded")


def identity() -> Identity:
    """Nobody special when we are not root; else the first account that exists."""
    if os.geteuid() != 0:
        return Identity()
    for name in ACCOUNTS:
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(uid=account.pw_uid, gid=account.pw_gid)
    raise PartFailed(f"running as root and none of the accounts {', '.join(ACCOUNTS)} exists")


def can_reach(who: Identity, path: Path) -> bool:
    """Whether this user may enter the directory `path`, parents included."""
    if who.uid is None or who.gid is None:
        return os.access(path, os.X_OK)
    return (
        subprocess.run(
            ["/bin/sh", "-c", 'cd "$0"', str(path)],
            user=who.uid,
            group=who.gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )


def own(who: Identity, path: Path) -> Path:
    """Create the directory and give it to the user; moved below /var/lib when it cannot be reached.

    A checkout below /root is closed to others; rather than opening it, data then goes to a
    directory named after the wanted path.
    """
    path = path.resolve()
    path.mkdir(parents=True, exist_ok=True)
    if who.uid is None or who.gid is None:
        return path
    os.chown(path, who.uid, who.gid)
    if can_reach(who, path):
        return path
    moved = _elsewhere(path)
    moved.mkdir(parents=True, exist_ok=True)
    os.chown(moved, who.uid, who.gid)
    return moved


def remove(path: Path) -> None:
    """Delete what `own` made of this path, wherever it put it."""
    shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(_elsewhere(path.resolve()), ignore_errors=True)


def _elsewhere(path: Path) -> Path:
    return SHARED / hashlib.sha256(str(path).encode()).hexdigest()[:16]


def reachable_install(who: Identity, package: Path, libraries: Path, version: str) -> Path:
    """`package` itself, or a copy (with its bundled libraries beside it) that the user can reach."""
    if can_reach(who, package / "bin"):
        return package
    copy = SHARED / f"install-{version}"
    if not (copy / "complete").exists():
        shutil.rmtree(copy, ignore_errors=True)
        inner = copy / package.parent.name / package.name
        shutil.copytree(package, inner, symlinks=True)
        shutil.copytree(libraries, copy / libraries.name)
        (copy / "complete").touch()
    return copy / package.parent.name / package.name
