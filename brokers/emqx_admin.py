"""EMQX's management API: end a client's connection, and keep a client out whatever password it brings.

Source: EMQX 5.8, `apps/emqx_management` (`emqx_mgmt_api_clients`, `emqx_mgmt_api_banned`), base `/api/v5`, HTTP
basic authentication with an API key.
"""

from datetime import UTC, datetime
from typing import Final, Self
from urllib.parse import quote

import httpx

from brokers.topics import check_device_uid
from config.settings import Settings

DEADLINE_S: Final = 5.0
_REASON: Final = "disabled at MESS"


class EmqxError(Exception):
    """EMQX did not do it: it does not answer, or says no."""


class EmqxAdmin:
    """Use as a context manager. Every method may be called again without harm, and raises `EmqxError`."""

    def __init__(self, url: str, *, key: str, secret: str, deadline_s: float = DEADLINE_S) -> None:
        """`url` without the base path, such as http://emqx:18083."""
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v5", auth=(key, secret), timeout=deadline_s, trust_env=False
        )

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """None where there is no EMQX: the embedded broker hears of revocations by itself."""
        if not settings.emqx_api:
            return None
        secret = settings.emqx_api_secret.get_secret_value()
        return cls(settings.emqx_api, key=settings.emqx_api_key, secret=secret)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def disconnect_device(self, uid: str) -> None:
        """End its connection and session now; it may come back if it has a good password."""
        self._ask("DELETE", f"/clients/{_path(uid)}", good=(204, 404))

    def keep_out(self, uid: str, *, until: datetime) -> None:
        """End its connection and refuse it until then. A token cannot be taken back in another way."""
        ban = {
            "as": "clientid",
            "who": check_device_uid(uid),
            "until": until.astimezone(UTC).replace(microsecond=0).isoformat(),
            "reason": _REASON,
        }
        if self._ask("POST", "/banned", good=(200, 400), body=ban) == 400:
            # ALREADY_EXISTS: a ban cannot be prolonged.
            self.let_in(uid)
            self._ask("POST", "/banned", good=(200,), body=ban)
        self.disconnect_device(uid)

    def let_in(self, uid: str) -> None:
        self._ask("DELETE", f"/banned/clientid/{_path(uid)}", good=(204, 404))

    def _ask(
        self, method: str, path: str, *, good: tuple[int, ...], body: dict[str, str] | None = None
    ) -> int:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise EmqxError(f"EMQX does not answer: {error}") from error
        if answer.status_code not in good:
            raise EmqxError(f"EMQX answers {answer.status_code} to {method} {path}: {answer.text[:200]}")
        return answer.status_code


def _path(uid: str) -> str:
    return quote(check_device_uid(uid), safe="")
