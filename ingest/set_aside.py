"""A message that the database does not hold, whatever no check foresaw: kept as a letter and counted, like any refused one."""

import numpy as np
import psycopg

from ingest import ledger_store, letter_store
from ingest.codecs.registry import route
from ingest.intake import Message
from ingest.ledger import NO_DEVICE, NONE_ARRIVED, Arrived, Fates
from ingest.letter import Refusal
from ingest.pipeline import BatchResult, Keep, PipelineSettings
from ingest.track import from_pings

_REASON = "unstorable"
_NONE = np.empty(0, np.int64)
_NO_PINGS = from_pings([], _NONE, _NONE)


def set_aside(
    connection: psycopg.Connection,
    settings: PipelineSettings,
    message: Message,
    error: Exception,
    keep: Keep | None = None,
) -> BatchResult:
    """In a transaction of its own; `keep` as for `Pipeline.process`."""
    detail = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    with connection.transaction():
        uid, device_id = _device(connection, message.topic)
        letters = [settings.intake.letter(message, device_id, uid, [Refusal(_REASON, detail)])]
        came = Arrived(np.array([device_id]), np.array([message.received_us]))
        totals = ledger_store.book(
            connection, settings.worker, 1, Fates(came, _NO_PINGS, NONE_ARRIVED, NONE_ARRIVED, letters)
        )
        if keep is None:
            letter_store.save(connection, settings.worker, letters)
        else:
            keep(totals, letters)
    return BatchResult(totals, {_REASON: 1}, [], [], [], [], _NONE)


def _device(connection: psycopg.Connection, topic: str) -> tuple[str | None, int]:
    """The device of the topic. What a gateway or a body says of others is not looked at: it could not be stored."""
    found = route(topic)
    uid = None if found is None or found.gateway is not None else found.uid
    if uid is None:
        return None, NO_DEVICE
    row = connection.execute("SELECT id FROM devices WHERE uid = %s AND NOT disabled", [uid]).fetchone()
    return uid, int(row[0]) if row else NO_DEVICE
