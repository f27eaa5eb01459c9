"""Presence of the devices of one worker: what it remembers, so that the database is told little.

While a device is online its last sign of life is written at most every `seen_every_us`, and all those that are due
together about once a second. What changes its state is written in the batch that brings it.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from brokers.topics import downlink_of
from ingest import presence_store
from ingest.intake import Intake, Message, Told
from ingest.presence import Change, PresenceLimits, Word, heard, merged_report
from ingest.presence_store import PresenceChange, Saved

_FLUSH_US = 1_000_000


class PresenceSettings(msgspec.Struct, frozen=True):
    limits: PresenceLimits
    seen_every_us: int


class _Sign(msgspec.Struct, frozen=True):
    """A sign of life that is not written yet."""

    at_us: int
    topic: str


class Watch:
    """One thread at a time. `note` inside a batch's transaction; then `committed`, or `forget` if it failed."""

    def __init__(self, connection: psycopg.Connection, settings: PresenceSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._written_us: dict[
            int, int
        ] = {}  # device that is surely online -> its last sign of life in the database
        self._due: dict[int, _Sign] = {}
        self._flushed_us = 0
        self._now_written: dict[int, int | None] = {}  # in the transaction; None = not surely online any more

    def note(self, messages: Sequence[Message], intake: Intake) -> list[PresenceChange]:
        """Take up what a batch says of presence; what there is to tell after its commit."""
        urgent = bool(intake.told)
        for device_id, number in zip(
            intake.spoke.device.tolist(), intake.spoke.message.tolist(), strict=True
        ):
            message = messages[number]
            written_us = self._written_us.get(device_id)
            if written_us is None:
                urgent = True
            elif message.received_us - written_us < self._settings.seen_every_us:
                continue
            self._due[device_id] = _Sign(message.received_us, message.topic)
        now_us = messages[-1].received_us if messages else 0
        if not urgent and (not self._due or abs(now_us - self._flushed_us) < _FLUSH_US):
            return []
        self._flushed_us = now_us
        return self._write(intake.told)

    def flush(self) -> list[PresenceChange]:
        """Write what is due, in a transaction of the caller's: with few messages no batch may follow soon."""
        return self._write([]) if self._due else []

    def committed(self) -> None:
        for device_id, written_us in self._now_written.items():
            if written_us is None:
                self._written_us.pop(device_id, None)
            else:
                self._written_us[device_id] = written_us
            sign = self._due.get(device_id)
            if sign is not None and (written_us is None or sign.at_us <= written_us):
                del self._due[device_id]
        self._now_written = {}

    def forget(self) -> None:
        """Of a transaction that failed nothing was written; its messages come again."""
        self._now_written = {}

    def _write(self, told: Sequence[Told]) -> list[PresenceChange]:
        words: dict[int, list[Word]] = {}
        reports: dict[int, list[Told]] = {}
        for each in told:
            if each.presence is not None:
                word = Word(each.presence.online, each.received_us, each.presence.connection_us)
                words.setdefault(each.device.id, []).append(word)
            if each.report is not None:
                reports.setdefault(each.device.id, []).append(each)
        device_ids = self._due.keys() | words.keys() | reports.keys()
        if not device_ids:
            return []
        self._now_written = dict.fromkeys(device_ids)
        rows: list[Saved] = []
        changes: dict[int, Change] = {}
        for device_id, stored in presence_store.lock(self._connection, device_ids).items():
            sign = self._due.get(device_id)
            seen_us = None if sign is None else sign.at_us
            known, change = heard(stored.known, seen_us, words.get(device_id, []))
            if change is not None:
                changes[device_id] = change
            row = Saved(device_id, known)
            rows.append(_with_report(_with_downlink(row, sign), stored.report, reports.get(device_id, ())))
            surely_online = known.state == "online" and not known.leaving
            self._now_written[device_id] = known.seen_us if surely_online else None
        presence_store.save(self._connection, rows)
        return presence_store.tell(self._connection, changes)


def _with_downlink(row: Saved, sign: _Sign | None) -> Saved:
    downlink = None if sign is None else downlink_of(sign.topic)
    if downlink is None:
        return row
    return msgspec.structs.replace(row, downlink=downlink.kind, address=downlink.address)


def _with_report(row: Saved, known: dict[str, Any], told: Sequence[Told]) -> Saved:
    if not told:
        return row
    for each in told:
        known = merged_report(known, each.report or {})
    return msgspec.structs.replace(row, report=known, reported_us=told[-1].received_us)
