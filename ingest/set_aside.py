"""A message that the database does not hold, whatever no check foresaw: kept as a letter and counted, like any refused one."""

import numpy as np
import psycopg

from ingest import ledger_store, letter_store
from ingest.codecs.registry import route
from ingest.duty import Phones
from ingest.intake import Message, device_uid, refusal
from ingest.ledger import NO_DEVICE, NONE_ARRIVED, Arrived, Fates
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
    phones: Phones,
    keep: Keep | None = None,
) -> BatchResult:
    """In a transaction of its own; `keep` as for `Pipeline.process`."""
    detail = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    uid = device_uid(message, settings.intake.codec)
    with connection.transaction():
        device_id = _device_id(connection, message, uid)
        letter = settings.intake.letter(message, device_id, uid, phones)
        # The database's words quote values.
        letter.refusals.append(refusal(_REASON, detail, uid, phones))
        came = Arrived(np.array([device_id]), np.array([message.received_us]))
        totals = ledger_store.book(
            connection, settings.worker, 1, Fates(came, _NO_PINGS, NONE_ARRIVED, NONE_ARRIVED, [letter])
        )
        if keep is None:
            letter_store.save(connection, settings.worker, [letter])
        else:
            keep(totals, [letter])
    return BatchResult(totals, {_REASON: 1}, [], [], [], [], _NONE)


def _device_id(connection: psycopg.Connection, message: Message, uid: str | None) -> int:
    """What a gateway says of others is not looked at: it could not be stored."""
    found = route(message.topic)
    if uid is None or (found is not None and found.gateway is not None):
        return NO_DEVICE
    row = connection.execute("SELECT id FROM devices WHERE uid = %s AND NOT disabled", [uid]).fetchone()
    return int(row[0]) if row else NO_DEVICE
