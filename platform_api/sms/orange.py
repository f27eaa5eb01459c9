"""Texts by Orange's SMS API, the operator's own gateway in Senegal.

Wire format: developer.orange.com/apis/sms/getting-started. A token from `POST /oauth/v3/token` (client
credentials), then `POST /smsmessaging/v1/outbound/{sender}/requests`, answered 201 with a `resourceURL`.
"""

import time
from threading import Lock
from typing import Any, Self
from urllib.parse import quote

import httpx

from config.settings import Settings
from platform_api.sms.rules import Outcome
from platform_api.sms.sending import SendError

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
# Of a token's life, so that it does not end on the way
TOKEN_MARGIN_S = 60.0
MAX_REASON_CHARS = 200
# Nothing was taken: asked to come back later.
BUSY = frozenset({429, 503})


class OrangeSms:
    name = "orange"
    keeps_texts = False

    def __init__(
        self, *, url: str, client_id: str, client_secret: str, sender: str, sender_name: str = ""
    ) -> None:
        """`sender` as Orange gave it, such as `tel:+2210000`; `sender_name` once Orange has approved one."""
        timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        self._client = httpx.Client(base_url=url, timeout=timeout)
        self._credentials = httpx.BasicAuth(client_id, client_secret)
        self._sender = sender
        self._sender_name = sender_name
        self._lock = Lock()
        self._token: str | None = None
        self._token_ends_s = 0.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            url=settings.orange_api_url,
            client_id=settings.orange_client_id,
            client_secret=settings.orange_client_secret.get_secret_value(),
            sender=settings.orange_sms_sender,
            sender_name=settings.orange_sms_sender_name,
        )

    def send(self, phone: str, text: str) -> str:
        answer = self._submit(phone, text)
        if answer.status_code == 401:
            # Revoked, or ended early: once more with a new one.
            self._forget_token()
            answer = self._submit(phone, text)
        if answer.status_code == 201:
            return _reference(answer)
        raise _refusal(answer)

    def _submit(self, phone: str, text: str) -> httpx.Response:
        request: dict[str, Any] = {
            "address": f"tel:{phone}",
            "senderAddress": self._sender,
            "outboundSMSTextMessage": {"message": text},
        }
        if self._sender_name:
            request["senderName"] = self._sender_name
        path = f"/smsmessaging/v1/outbound/{quote(self._sender, safe='')}/requests"
        headers = {"Authorization": f"Bearer {self._access_token()}"}
        try:
            return self._client.post(path, json={"outboundSMSMessageRequest": request}, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise SendError(Outcome.NOT_TAKEN, f"no connection: {error}") from error
        except httpx.TransportError as error:
            raise SendError(Outcome.UNKNOWN, f"no answer: {error!r}") from error

    def _access_token(self) -> str:
        with self._lock:
            if self._token is None or time.monotonic() >= self._token_ends_s:
                self._token, life_s = self._fetch_token()
                self._token_ends_s = time.monotonic() + max(0.0, life_s - TOKEN_MARGIN_S)
            return self._token

    def _forget_token(self) -> None:
        with self._lock:
            self._token = None

    def _fetch_token(self) -> tuple[str, float]:
        """The token and its life in seconds. Whatever goes wrong here, no text was taken."""
        form = {"grant_type": "client_credentials"}
        try:
            answer = self._client.post("/oauth/v3/token", data=form, auth=self._credentials)
            answer.raise_for_status()
            body = answer.json()
            return str(body["access_token"]), float(body["expires_in"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise SendError(Outcome.NOT_TAKEN, f"no access token: {error!r}"[:MAX_REASON_CHARS]) from error


def _reference(answer: httpx.Response) -> str:
    """The last part of `resourceURL`; empty when the answer is not as described: it was taken all the same."""
    try:
        return str(answer.json()["outboundSMSMessageRequest"]["resourceURL"]).rpartition("/")[2]
    except (ValueError, KeyError, TypeError):
        return ""


def _refusal(answer: httpx.Response) -> SendError:
    kind, reason = _exception(answer)
    status = answer.status_code
    if status in BUSY or status == 401 or kind == "policyException":
        # A policy, such as a bundle that is used up, changes when somebody buys the next one.
        return SendError(Outcome.NOT_TAKEN, reason)
    return SendError(Outcome.UNKNOWN if status >= 500 else Outcome.REFUSED, reason)


def _exception(answer: httpx.Response) -> tuple[str, str]:
    """`serviceException` or `policyException` (OneAPI), and what to log of it."""
    try:
        for kind, said in answer.json()["requestError"].items():
            reason = f"{answer.status_code} {said.get('messageId', '')} {said.get('text', '')}"
            return str(kind), reason[:MAX_REASON_CHARS]
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return "", str(answer.status_code)
