"""One child server: started, waited for with a deadline, stopped, and never left behind."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
START_DEADLINE_S = 60.0
PORTS = (20_000, 32_000)  # first and one past the last that `free_port` gives
STOP_DEADLINE_S = 20.0
LOG_TAIL_LINES = 20
# A longer log is put aside (one generation) when its server starts again.
MAX_LOG_BYTES = 20_000_000
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class PartFailed(RuntimeError):
    """A server did not start, or is missing; the message says which, why, and ends with its log's tail."""


def free_port() -> int:
    """A loopback TCP port that was free a moment ago; a later bind may still lose a race.

    From below the range that systems hand out by themselves (Linux: from 32768): a port of that range may go
    to any connection of this machine in the seconds until the server binds it.
    """
    for _ in range(1000):
        port = random.SystemRandom().randrange(*PORTS)
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise PartFailed(f"no free port from {PORTS[0]} to {PORTS[1] - 1}")


def accepts_tcp(host: str, port: int, timeout_s: float = 0.5) -> bool:
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the child becomes, and which directory is its root; needs root when any is set."""

    uid: int | None = None
    gid: int | None = None
    root: Path | None = None


class ServerProcess:
    """A server as a child process with a log file. Start it from the main thread.

    On Linux the kernel ends the child when the thread that started it dies, so that a killed test
    run or `mess up` leaves no server behind.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        identity: Identity = Identity(),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        port: int | None = None,
    ) -> None:
        """`port`: the loopback port it will listen on; `start` refuses when another server has it."""
        self.name = name
        self._port = port
        self.command = list(command)
        self.log = log
        self._identity = identity
        self._env = dict(env) if env is not None else None
        self._cwd = cwd
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None
        # Where this start's output begins in the log, bytes.
        self.log_start = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, ready: Callable[[], bool], deadline_s: float = START_DEADLINE_S) -> None:
        """Start the child and return once `ready()`; raises PartFailed and leaves nothing running."""
        if self.running:
            raise PartFailed(f"{self.name} already runs as process {self.pid}")
        # Without this the other server would answer `ready()` in our child's name.
        if self._port is not None and accepts_tcp(LOOPBACK, self._port):
            raise PartFailed(f"{self.name} cannot start: port {self._port} is taken by another server")
        self._prepare_log()
        with self.log.open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._env,
                    cwd=self._cwd,
                    # A Ctrl-C at the terminal is for us; we stop the children in order.
                    start_new_session=True,
                    preexec_fn=self._become,  # noqa: PLW1509 - it makes system calls only
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise PartFailed(f"{self.name} could not be started: {error}") from error
        try:
            self._await(ready, deadline_s)
        except BaseException:
            self.kill()
            raise

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> None:
        """Ask the child to end, then insist. Does nothing when it has ended already."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
            try:
                self._process.wait(deadline_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL to it and its own children: the crash that tests need."""
        if self._process is not None:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def wait(self, timeout_s: float | None = None) -> int:
        """The exit code; raises subprocess.TimeoutExpired."""
        if self._process is None:
            raise PartFailed(f"{self.name} is not running")
        return self._process.wait(timeout_s)

    def output(self) -> str:
        """What it wrote since this start."""
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        return "\n".join(self.output().splitlines()[-lines:]) or "(it wrote nothing)"

    def _prepare_log(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log_start = self.log.stat().st_size if self.log.exists() else 0
        if self.log_start > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old"))
            self.log_start = 0

    def _await(self, ready: Callable[[], bool], deadline_s: float) -> None:
        assert self._process is not None
        deadline = time.monotonic() + deadline_s
        while not ready():
            code = self._process.poll()
            if code is not None:
                raise PartFailed(f"{self.name} ended with code {code} while starting:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise PartFailed(f"{self.name} not ready after {deadline_s:.0f} s:\n{self.log_tail()}")
            time.sleep(0.02)

    def _become(self) -> None:
        """Runs in the child between fork and exec: only system calls here."""
        who = self._identity
        if who.root is not None:
            os.chroot(who.root)
            os.chdir("/")
        if who.gid is not None:
            os.setgroups([])
            os.setgid(who.gid)
        if who.uid is not None:
            os.setuid(who.uid)
        # Last, because a change of user clears it.
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(self._stop_signal))
