"""Whether a device is connected: what is known, what a batch adds, and what follows from both. Pure.

All times are arrival times in microseconds: presence is about the connection and not about the truck, and a
last will carries the time at which it was composed, long before it was true.

Knowing is a set of maxima (last sign of life, last goodbye), so that two workers who see the same device end
in the same knowledge, whoever writes first. From it follow

- online: at once, with the first sign of life later than the last goodbye;
- offline: `grace_us` after a goodbye that no sign of life followed. A connection that flaps says goodbye many
  times and is back each time: nobody is told;
- offline: `silence_us` after the last sign of life of a device that never says goodbye. One that does is
  believed to be connected until it says so, but no longer than `MUTE_US`: a broker that dies takes the wills of
  its clients with it.
"""

from typing import Any, Literal

import msgspec

State = Literal["unknown", "online", "offline"]

HOUR_US = 3_600_000_000
# Silence of a device that would have said goodbye. A parked tracker may report once a day.
MUTE_US = 26 * HOUR_US
# Names in a report; of more, some go that are not new.
MAX_REPORT_NAMES = 128


class PresenceLimits(msgspec.Struct, frozen=True):
    grace_us: int
    silence_us: int

    def patience_us(self, *, tells: bool) -> int:
        """How long a device may be silent and still be believed to be connected."""
        return max(MUTE_US, self.silence_us) if tells else self.silence_us


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one device. `connected_us` and `ended_us` are of the MQTT broker's clock."""

    state: State = "unknown"
    since_us: int = 0
    seen_us: int | None = None
    goodbye_us: int | None = None
    connected_us: int | None = None  # when the newest connection that the broker told of was made
    ended_us: int | None = None  # when the newest connection that is known to have ended was made
    tells: bool = False  # it, or the broker for it, says when it comes or goes

    @property
    def leaving(self) -> bool:
        """The last that was heard is a goodbye."""
        return self.goodbye_us is not None and (self.seen_us is None or self.goodbye_us >= self.seen_us)


class Word(msgspec.Struct, frozen=True):
    """One message about presence. `connection_us` = the broker says it, of the connection made then."""

    online: bool
    at_us: int
    connection_us: int | None = None


class Change(msgspec.Struct, frozen=True):
    """What there is to tell."""

    state: State
    at_us: int


def heard(known: Known, seen_us: int | None, words: list[Word]) -> tuple[Known, Change | None]:
    """Add what a batch brought: the last sign of life, and words of coming and going, in the order of arrival."""
    for word in words:
        known = _told(known, word)
    if seen_us is not None:
        known = msgspec.structs.replace(known, seen_us=_latest(known.seen_us, seen_us))
    if known.state == "online" or known.seen_us is None or known.leaving:
        return known, None
    at_us = _not_before(known, known.seen_us)
    return msgspec.structs.replace(known, state="online", since_us=at_us), Change("online", at_us)


def overdue(known: Known, now_us: int, limits: PresenceLimits) -> tuple[Known, Change | None]:
    """Whether it is time to say that the device is gone; since when: its goodbye, or its last sign of life."""
    if known.state == "offline":
        return known, None
    gone_us = None
    if known.leaving and known.goodbye_us is not None:
        gone_us = known.goodbye_us if known.goodbye_us + limits.grace_us <= now_us else None
    elif known.state == "online" and known.seen_us is not None:
        gone_us = known.seen_us if known.seen_us + limits.patience_us(tells=known.tells) <= now_us else None
    if gone_us is None:
        return known, None
    at_us = _not_before(known, gone_us)
    return msgspec.structs.replace(known, state="offline", since_us=at_us), Change("offline", at_us)


def _told(known: Known, word: Word) -> Known:
    connection_us = word.connection_us
    if connection_us is not None:
        # Of two connections the later counts: a take-over ends the earlier one, and tells so late.
        if word.online and known.ended_us is not None and connection_us <= known.ended_us:
            return known
        if word.online:
            known = msgspec.structs.replace(known, connected_us=_latest(known.connected_us, connection_us))
        else:
            known = msgspec.structs.replace(known, ended_us=_latest(known.ended_us, connection_us))
            if known.connected_us is not None and connection_us < known.connected_us:
                return msgspec.structs.replace(known, tells=True)
    if word.online:
        return msgspec.structs.replace(known, tells=True, seen_us=_latest(known.seen_us, word.at_us))
    return msgspec.structs.replace(known, tells=True, goodbye_us=_latest(known.goodbye_us, word.at_us))


def _not_before(known: Known, at_us: int) -> int:
    """What is told is never dated before what was told last, though clocks of workers differ."""
    return at_us if known.state == "unknown" else max(at_us, known.since_us)


def _latest(known_us: int | None, new_us: int) -> int:
    return new_us if known_us is None else max(known_us, new_us)


def merged_report(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The newest value of each name, at most `MAX_REPORT_NAMES` of them."""
    kept = {**{name: value for name, value in known.items() if name not in new}, **new}
    return dict(list(kept.items())[-MAX_REPORT_NAMES:])
