"""The windows of drivers' phones as the database has them, read again phone by phone when they change."""

import psycopg

from ingest.duty import Phones, Windows, phones_of, windows_of

_WINDOWS = """
SELECT device_id, uid, (extract(epoch FROM opens_at) * 1000000)::bigint, (extract(epoch FROM closes_at) * 1000000)::bigint
FROM phone_windows WHERE %(all)s OR device_id = ANY (%(only)s)
"""


class PhoneCache:
    """An order's change of status concerns one driver: his phones are read again, and nothing else."""

    def __init__(self, connection: psycopg.Connection, tolerance_us: int) -> None:
        self._connection = connection
        self._tolerance_us = tolerance_us
        self._version: int | None = None
        self._uids: dict[int, str] = {}
        self._windows: dict[int, Windows] = {}
        self._phones = phones_of({}, ())

    def current(self) -> Phones:
        """As committed now; to be asked in the transaction of the batch that is judged by it."""
        row = self._connection.execute("SELECT version FROM duty_version").fetchone()
        assert row is not None
        version: int = row[0]
        if version != self._version:
            self._reload(version)
            self._version = version
        return self._phones

    def _reload(self, version: int) -> None:
        changed = self._changed(version)
        if changed is None:
            self._uids, self._windows = {}, {}
        else:
            for device_id in changed:
                self._uids.pop(device_id, None)
                self._windows.pop(device_id, None)
        spans: dict[int, list[tuple[int, int | None]]] = {}
        for device_id, uid, opens_us, closes_us in self._connection.execute(
            _WINDOWS, {"all": changed is None, "only": changed or []}
        ):
            self._uids[device_id] = uid
            found = spans.setdefault(device_id, [])
            if opens_us is not None:
                found.append((opens_us, closes_us))
        self._windows |= {
            device_id: windows_of(found, self._tolerance_us) for device_id, found in spans.items()
        }
        erased = [row[0] for row in self._connection.execute("SELECT uid_sha256 FROM erased_uids")]
        self._phones = phones_of(self._windows, self._uids.values(), erased)

    def _changed(self, version: int) -> list[int] | None:
        """The phones that changed since the version known; None = all, also after a restore to an older one."""
        if self._version is None or version < self._version:
            return None
        rows = self._connection.execute(
            "SELECT device_id FROM phone_changes WHERE version > %s", [self._version]
        )
        return [row[0] for row in rows]
