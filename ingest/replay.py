"""Dead letters played again through the pipeline that refused them, with their original arrival, each in a transaction.

The mark on the letter is written in the transaction that stores its pings: a kill leaves neither or both. Two who play the
same letter at once both do the work, and the mark of the second finds the first one's: it takes everything back.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from ingest import letter_store
from ingest.account_store import Totals
from ingest.array_params import BigInts
from ingest.fleet import Fleet, load_fleet, versions
from ingest.intake import Message, take_in
from ingest.ledger import NO_DEVICE
from ingest.letter import Letter
from ingest.letter_query import StoredLetter, load_letter
from ingest.pipeline import Pipeline, PipelineSettings
from ingest.set_aside import set_aside
from ingest.track import Ints

WORKER = "svc-replay"


class Fate(StrEnum):
    PASSED = "passed"  # nothing of it is refused any more
    REFUSED = "refused"  # something of it is still refused
    CUT = "cut"  # only its beginning was kept
    DONE = "done"  # played before, or by somebody else just now, or dropped meanwhile


class Replayed(msgspec.Struct, frozen=True):
    fate: Fate
    totals: Totals = Totals()
    reasons: dict[str, int] = {}


class Tally:
    """What several letters came to."""

    def __init__(self) -> None:
        self.fates = dict.fromkeys(Fate, 0)
        self.totals = Totals()
        self.reasons: dict[str, int] = {}

    def add(self, played: Replayed, letters: int = 1) -> None:
        self.fates[played.fate] += letters
        self._count(played.totals, played.reasons)

    def add_all(self, other: "Tally") -> None:
        for fate, letters in other.fates.items():
            self.fates[fate] += letters
        self._count(other.totals, other.reasons)

    def _count(self, totals: Totals, reasons: dict[str, int]) -> None:
        both = zip(msgspec.structs.astuple(self.totals), msgspec.structs.astuple(totals), strict=True)
        self.totals = Totals(*(mine + others for mine, others in both))
        for reason, count in reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count


class _MarkedElsewhereError(Exception):
    """Somebody else played the letter meanwhile, or it was dropped."""


class Replayer:
    """One thread at a time."""

    def __init__(self, connection: psycopg.Connection, settings: PipelineSettings) -> None:
        self._connection = connection
        self._settings = msgspec.structs.replace(settings, worker=WORKER, of_now=False)
        self._pipeline = Pipeline(connection, self._settings)
        self._fleet: Fleet | None = None

    def close(self) -> None:
        """End its thread. The connection is the caller's."""
        self._pipeline.close()

    def play(self, letter_id: int) -> Replayed:
        """Play one letter again. Raises psycopg errors, having changed nothing."""
        letter = load_letter(self._connection, letter_id)
        if letter is None or letter.replayed:
            return Replayed(Fate.DONE)
        if not letter.whole:
            return Replayed(Fate.CUT)

        def keep(totals: Totals, refused: Sequence[Letter]) -> None:
            self._mark(letter, totals, refused)

        try:
            try:
                result = self._pipeline.process([letter.message], keep=keep)
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                result = set_aside(
                    self._connection, self._settings, letter.message, error, self._pipeline.phones(), keep
                )
        except _MarkedElsewhereError:
            return Replayed(Fate.DONE)
        fate = Fate.REFUSED if result.totals.rejected else Fate.PASSED
        return Replayed(fate, result.totals, result.reasons)

    def _mark(self, letter: StoredLetter, totals: Totals, refused: Sequence[Letter]) -> None:
        """At most one letter is refused, as one was played."""
        done = self._connection.execute(
            "UPDATE dead_letters SET tries = tries + 1, tried_at = clock_timestamp(), outcome = %(outcome)s, asked_at = NULL,"
            " replayed_at = CASE WHEN %(refused)s THEN NULL ELSE clock_timestamp() END,"
            " device_id = CASE WHEN %(device)s = 0 THEN device_id ELSE %(device)s END"
            " WHERE id = %(id)s AND tries = %(tries)s AND replayed_at IS NULL",
            {
                "outcome": Jsonb(msgspec.structs.asdict(totals)),
                "refused": bool(refused),
                # A letter that is of a known device by now is for its carrier to see.
                "device": refused[0].device_id if refused else NO_DEVICE,
                "id": letter.id,
                "tries": letter.tries,
            },
        ).rowcount
        if not done:
            raise _MarkedElsewhereError
        if refused:
            letter_store.replace_refusals(self._connection, WORKER, letter.id, refused[0].refusals)

    def judge(self, letters: Sequence[StoredLetter]) -> Tally:
        """What playing these letters would come to, without playing them."""
        tally = Tally()
        messages = []
        for letter in letters:
            if letter.replayed or not letter.whole:
                tally.add(Replayed(Fate.DONE if letter.replayed else Fate.CUT))
            else:
                messages.append(letter.message)
        if messages:
            self._judge(messages, self._current_fleet(), tally)
        return tally

    def _judge(self, messages: Sequence[Message], fleet: Fleet, tally: Tally) -> None:
        try:
            intake = take_in(messages, fleet, self._settings.intake, phones=self._pipeline.phones())
        except OverflowError:
            # A value that no column holds, in one of them.
            if len(messages) == 1:
                totals = Totals(messages=1, received=1, rejected=1)
                tally.add(Replayed(Fate.REFUSED, totals, {"unstorable": 1}))
                return
            half = len(messages) // 2
            self._judge(messages[:half], fleet, tally)
            self._judge(messages[half:], fleet, tally)
            return
        known = self._stored_already(intake.pings.device, intake.pings.time_us)
        refusals = [each.reason for letter in intake.letters for each in letter.refusals]
        totals = Totals(
            messages=len(messages),
            received=len(intake.came),
            stored=len(intake.pings) - known,
            duplicate=len(intake.repeated) + known,
            rejected=len(refusals),
        )
        tally.add(
            Replayed(Fate.PASSED, totals, {reason: refusals.count(reason) for reason in set(refusals)}),
            len(messages) - len(intake.letters),
        )
        tally.fates[Fate.REFUSED] += len(intake.letters)

    def _stored_already(self, device: Ints, time_us: Ints) -> int:
        row = self._connection.execute(
            "SELECT count(*) FROM unnest(%s, %s) AS t (device_id, time_us) JOIN pings AS p ON p.device_id = t.device_id"
            " AND p.time = timestamptz 'epoch' + t.time_us * interval '1 microsecond'",
            [BigInts(device), BigInts(time_us)],
        ).fetchone()
        return int(row[0]) if row else 0

    def _current_fleet(self) -> Fleet:
        if self._fleet is None or self._fleet.version != versions(self._connection)[0]:
            self._fleet = load_fleet(self._connection, self._settings.rules)
        return self._fleet
