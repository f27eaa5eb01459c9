"""What a device makes of the commands that it is sent, as a careful firmware would. No network here.

It answers each command twice, `received` and then what came of it; knows a repeated one by its id and does it
once; does nothing after a command's `expires`; and stops no engine unless it stands by its own speedometer,
whatever the platform believes.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from .fix import Fix

STANDING_BELOW_KMH = 5.0
INTERVAL_S = (5, 86_400)
REMEMBERED = 64  # commands whose answer is known when they come again


class Command(msgspec.Struct):
    """As the platform writes it; `expires` is RFC 3339."""

    id: str
    kind: str
    params: dict[str, Any] = {}
    expires: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Answer(msgspec.Struct, omit_defaults=True):
    """The body of an answer; the id is in its topic."""

    ok: bool
    state: str = "done"
    text: str = ""


@dataclass(slots=True)
class Pace:
    """The reporting interval that was commanded; None = the device's own. Whoever makes fixes looks here."""

    interval_s: float | None = None


@dataclass(slots=True)
class Done:
    """`answers` in their order; `report` = send the last position now."""

    command_id: str
    answers: list[Answer]
    report: bool = False


@dataclass(slots=True)
class Controls:
    """The state that commands change. `last` is the newest fix that the device has."""

    pace: Pace = field(default_factory=Pace)
    engine_stopped: bool = False
    last: Fix | None = None
    _answered: OrderedDict[str, Answer] = field(default_factory=OrderedDict)

    def take(self, payload: bytes, now_us: int) -> Done | None:
        """None for what is no command: there is nothing to answer to."""
        try:
            command = msgspec.json.decode(payload, type=Command)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        receipt = Answer(ok=True, state="received")
        known = self._answered.get(command.id)
        if known is not None:
            return Done(command.id, [receipt, known])
        answer, report = self._do(command, now_us)
        self._answered[command.id] = answer
        if len(self._answered) > REMEMBERED:
            self._answered.popitem(last=False)
        return Done(command.id, [receipt, answer], report)

    def _do(self, command: Command, now_us: int) -> tuple[Answer, bool]:
        expires = command.expires
        if expires is not None and expires <= datetime.fromtimestamp(now_us / 1e6, UTC):
            return Answer(ok=False, text="expired"), False
        if command.kind == "position_now":
            return self._report()
        return self._set(command), False

    def _report(self) -> tuple[Answer, bool]:
        if self.last is None:
            return Answer(ok=False, text="no fix yet"), False
        return Answer(ok=True, text=f"{self.last.lat:.6f},{self.last.lon:.6f}"), True

    def _set(self, command: Command) -> Answer:
        match command.kind:
            case "reporting_interval":
                return self._set_interval(command.params.get("seconds"))
            case "engine_stop":
                return self._stop_engine()
            case "engine_resume":
                self.engine_stopped = False
                return Answer(ok=True, text="engine released")
        return Answer(ok=False, text=f"unknown kind {command.kind[:40]}")

    def _set_interval(self, seconds: Any) -> Answer:
        low, high = INTERVAL_S
        if type(seconds) is not int or not low <= seconds <= high:
            return Answer(ok=False, text=f"seconds must be a whole number from {low} to {high}")
        self.pace.interval_s = float(seconds)
        return Answer(ok=True, text=f"reporting every {seconds} s")

    def _stop_engine(self) -> Answer:
        speed_kmh = None if self.last is None else self.last.speed_kmh
        if speed_kmh is None:
            return Answer(ok=False, text="speed unknown")
        if speed_kmh >= STANDING_BELOW_KMH:
            return Answer(ok=False, text=f"moving at {speed_kmh:.0f} km/h")
        self.engine_stopped = True
        return Answer(ok=True, text="engine stopped")
