"""Servers to be killed, frozen and brought back; a disk that can be filled; a clock that can be stepped."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cli.parts.process import ServerProcess

DISK_BYTES: Final = 420 * 1024 * 1024
_BLOCK: Final = bytes(1024 * 1024)
LIBFAKETIME: Final = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
)


class Victim:
    """One server of a run, with all processes it has made."""

    def __init__(self, process: ServerProcess, ready: Callable[[], bool]) -> None:
        self.process = process
        self._ready = ready

    @property
    def name(self) -> str:
        return self.process.name

    def start(self) -> None:
        self.process.start(self._ready)

    def kill(self) -> None:
        """SIGKILL to every process of it at once: none has time for a last word."""
        family = self._family()
        self._signal(signal.SIGSTOP, family)  # so that no child outlives its parent by a moment
        self._signal(signal.SIGKILL, family)
        self.process.kill()

    def freeze(self) -> None:
        """It is there and does not answer: what a machine out of memory or a stuck disk looks like."""
        self._signal(signal.SIGSTOP, self._family())

    def thaw(self) -> None:
        self._signal(signal.SIGCONT, self._family())

    def revive(self) -> None:
        """Start it again if it has ended by itself, as a supervisor would."""
        if not self.process.running:
            self.process.stop()
            self.start()

    def _family(self) -> list[int]:
        found = [] if self.process.pid is None else [self.process.pid]
        for pid in found:
            found += _children(pid)
        return found

    @staticmethod
    def _signal(number: signal.Signals, pids: list[int]) -> None:
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


class Disk:
    """A small file system of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Until not a byte more goes on it; may be called again when somebody has freed some."""
        with self._ballast.open("ab", buffering=0) as ballast:
            size = len(_BLOCK)
            while size:
                try:
                    ballast.write(_BLOCK[:size])
                except OSError:
                    size //= 2

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@cache
def why_no_disk() -> str | None:
    """Why no file system can be mounted here, which is tried; None when one can."""
    try:
        with TemporaryDirectory(prefix="mess-chaos-") as home, small_disk(Path(home) / "disk"):
            return None
    except (OSError, subprocess.CalledProcessError) as error:
        return f"a small file system cannot be mounted ({error})"


@contextmanager
def small_disk(path: Path) -> Iterator[Disk]:
    """Mounted at `path` until the end; raises CalledProcessError where that is not allowed."""
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0755", "tmpfs", str(path)],
        check=True,
        capture_output=True,
    )
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True, capture_output=True)


class SteppedClock:
    """What processes started with `env` take for the time of day; their monotonic clock is left alone."""

    def __init__(self, home: Path) -> None:
        self._file = home / "clock"
        self.step(0)
        self._file.chmod(0o644)

    def step(self, seconds: int) -> None:
        """From now on the clock is so far from the true one."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.chmod(0o644)
        new.replace(self._file)

    @property
    def env(self) -> dict[str, str]:
        library = find_faketime()
        assert library is not None
        return {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            # A step is felt within so many seconds; without a cache every look at the clock reads the file.
            "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def find_faketime() -> str | None:
    return next((path for path in LIBFAKETIME if Path(path).exists()), None)
