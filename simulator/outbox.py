"""Pings kept on the device until the other side has them. No network here; the file is optional."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from .fix import Fix

COMPACT_AFTER_LINES = 20_000


class OutboxFullError(Exception):
    """The device's memory is full; nothing was added. Wait for acks, then try again."""


class _Kept(msgspec.Struct):
    fix: Fix
    sent_at_s: float | None = None  # None: waiting in a queue or on its way without a PUBACK


class Outbox:
    """Unacknowledged pings by sequence number, at most `capacity`.

    With `path`, every change is appended to a journal that the next start reads, so that a killed
    process loses no ping (a power cut may lose the last second: the journal is not fsynced).
    """

    def __init__(self, capacity: int = 10_000, path: Path | None = None) -> None:
        self.capacity = capacity
        self.last_seq = 0
        self._kept: dict[int, _Kept] = {}
        self._seen: set[int] = set()
        self._path = path
        self._journal: IO[str] | None = None
        self._lines = 0
        if path is not None:
            self._load(path)
            self._compact()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, seq: object) -> bool:
        return seq in self._kept

    def add(self, fixes: Iterable[Fix]) -> int:
        """Keep fixes; returns how many. All or nothing: OutboxFullError.

        A number that was kept before, even if acknowledged since, is a repetition the device sends
        on purpose: it is not kept again. ValueError for a fix without number.
        """
        new = {fix.seq: fix for fix in fixes if fix.seq not in self._seen}
        if 0 in new:
            raise ValueError("a fix needs a sequence number to be kept")
        if len(new) > self.capacity:
            raise ValueError(f"{len(new)} pings at once never fit an outbox of {self.capacity}")
        if len(self._kept) + len(new) > self.capacity:
            raise OutboxFullError(f"{len(self._kept)} pings unacknowledged, room for {self.capacity}")
        for fix in new.values():
            self._keep(fix)
            self._write({"keep": msgspec.structs.asdict(fix)})
        return len(new)

    def _keep(self, fix: Fix) -> None:
        self._kept[fix.seq] = _Kept(fix)
        self._seen.add(fix.seq)
        self.last_seq = max(self.last_seq, fix.seq)

    def mark_sent(self, seqs: Iterable[int], at_s: float | None) -> None:
        """The broker has them (PUBACK) since `at_s`, any monotonic clock; None: on the way again."""
        for seq in seqs:
            kept = self._kept.get(seq)
            if kept is not None:
                kept.sent_at_s = at_s

    def acknowledge(self, up_to: int | None, ranges: Iterable[Sequence[int]] = ()) -> int:
        """Forget what is stored: every number <= `up_to`, and inclusive ranges. Returns how many."""
        gone = [seq for seq in self._kept if up_to is not None and seq <= up_to]
        for low, high in ranges:
            if high - low < len(self._kept):
                gone.extend(seq for seq in range(low, high + 1) if seq in self._kept)
            else:
                gone.extend(seq for seq in self._kept if low <= seq <= high)
        return self.forget(gone)

    def forget(self, seqs: Iterable[int]) -> int:
        gone = [seq for seq in dict.fromkeys(seqs) if self._kept.pop(seq, None) is not None]
        if gone:
            self._write({"gone": gone})
            if self._lines > COMPACT_AFTER_LINES:
                self._compact()
        return len(gone)

    def overdue(self, sent_before_s: float) -> list[Fix]:
        """Pings the broker took before that moment and nobody acknowledged, oldest number first."""
        late = [k for k in self._kept.values() if k.sent_at_s is not None and k.sent_at_s < sent_before_s]
        return [kept.fix for kept in sorted(late, key=lambda k: k.fix.seq)]

    def all(self) -> list[Fix]:
        return [self._kept[seq].fix for seq in sorted(self._kept)]

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _load(self, path: Path) -> None:
        if not path.exists():
            return
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    break  # the line that was being written when the process died
                if "keep" in entry:
                    self._keep(Fix(**entry["keep"]))
                for seq in entry.get("gone", ()):
                    self._kept.pop(seq, None)
                self.last_seq = max(self.last_seq, entry.get("last_seq", 0))

    def _compact(self) -> None:
        """Rewrite the journal with what is still kept; replaced atomically."""
        assert self._path is not None
        self.close()
        fresh = self._path.with_suffix(self._path.suffix + ".new")
        with fresh.open("w", encoding="utf-8") as out:
            out.write(json.dumps({"last_seq": self.last_seq}) + "\n")
            for fix in self.all():
                out.write(json.dumps({"keep": msgspec.structs.asdict(fix)}) + "\n")
        fresh.replace(self._path)
        self._journal = self._path.open("a", encoding="utf-8")
        self._lines = 0

    def _write(self, entry: dict[str, Any]) -> None:
        if self._journal is not None:
            self._journal.write(json.dumps(entry) + "\n")
            self._journal.flush()
            self._lines += 1
