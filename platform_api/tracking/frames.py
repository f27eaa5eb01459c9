"""What a driver's phone may send as one frame, and how often: pure checks, before anything is forwarded."""

from dataclasses import dataclass
from typing import Any

import msgspec

FRAMES_PER_SECOND = 5.0
# A phone that comes back from a dead zone may send its stored frames at once.
FRAME_BURST = 50
# Refused frames in a row after which the connection is ended.
MAX_REFUSED = 100


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a frame was not forwarded; `code` is stable."""

    code: str
    detail: str


class FrameBudget:
    """Token bucket: FRAME_BURST at once, FRAMES_PER_SECOND in the long run. Time is the caller's, in seconds."""

    def __init__(self, now_s: float, *, rate: float = FRAMES_PER_SECOND, burst: int = FRAME_BURST) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at_s = now_s

    def take(self, now_s: float) -> bool:
        """Whether one more frame is allowed now."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def check_frame(text: str | None, *, max_bytes: int, max_pings: int) -> bytes | Refused:
    """The bytes to forward, unchanged, or the reason why not.

    Only the envelope is judged here: each ping is judged by ingest, as for every device.
    """
    if text is None:
        return Refused("text_frames_only", "Send JSON in text frames.")
    body = text.encode()
    if len(body) > max_bytes:
        return Refused("payload_too_large", f"A frame has at most {max_bytes} bytes.")
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        return Refused("malformed", f"Not JSON: {error}")
    pings = value if isinstance(value, list) else [value]
    if not pings or not all(isinstance(ping, dict) for ping in pings):
        return Refused("wrong_type", "A frame is one ping (a JSON object) or an array of them.")
    if len(pings) > max_pings:
        return Refused("too_many_pings", f"A frame has at most {max_pings} pings.")
    return body
