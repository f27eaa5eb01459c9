"""Signing, retrying and where a webhook may go: pure decisions.

Form and signature follow the specification "Standard Webhooks" 1.0 (standard-webhooks on GitHub,
spec/standard-webhooks.md), so that receivers can verify with the libraries that exist for it.
"""

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from platform_api.actor import Actor
from platform_api.errors import Conflict, Forbidden, Invalid

MAX_ENDPOINTS = 10
MAX_URL_CHARS = 2000
SECRET_PREFIX = "whsec_"  # noqa: S105 - how every such secret begins
SECRET_BYTES = 32

# After the first attempt, so 9 in all over some two days: a receiver may be down over a weekend's night.
RETRY_AFTER = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(hours=24),
)
# An endpoint that took nothing for so long is switched off, and its party told.
GIVE_UP_AFTER = timedelta(days=5)
# A worker that began an attempt and died: somebody tries again after this. Longer than ATTEMPT_TIMEOUT_S.
LEASE = timedelta(minutes=2)
ATTEMPT_TIMEOUT_S = 15.0
MAX_ERROR_CHARS = 300


class EventType(StrEnum):
    """What a receiver can subscribe to."""

    ORDER_CHANGED = "order.changed"
    BID_CHANGED = "bid.changed"
    ALERT_RAISED = "alert.raised"
    PING = "webhook.test"


SUBSCRIBABLE = frozenset(EventType) - {EventType.PING}


def check_url(url: str, *, https_only: bool) -> None:
    """Raises Invalid `invalid_webhook_url`. Whose address it is, is looked at when it is called."""
    problem = Invalid("invalid_webhook_url", "A webhook's address is https://host/path, without a password.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise problem from error
    schemes = {"https"} if https_only else {"https", "http"}
    if parts.scheme not in schemes or not parts.hostname or "@" in parts.netloc:
        raise problem
    if port == 0 or any(character.isspace() or ord(character) < 32 for character in url):
        raise problem


# Through a NAT64 gateway (RFC 6052) an IPv6 address leads to the IPv4 address in its last 32 bits.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All of the IPv6 internet (RFC 4291 2.4), without 6to4, which carries an IPv4 address as well.
_UNICAST, _6TO4 = ipaddress.IPv6Network("2000::/3"), ipaddress.IPv6Network("2002::/16")


def is_public(address: str) -> bool:
    """Whether this IP address (text) may be called: nothing of our own network, no metadata service.

    Also in none of the forms in which an IPv6 address stands for an IPv4 address.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)))
        if ip not in _UNICAST or ip in _6TO4:
            return False
    return ip.is_global and not ip.is_multicast


def check_speaks(actor: Actor) -> None:
    """Whoever says where the party's news goes would go on reading it after he left. Raises Forbidden `managers_only`."""
    if not actor.manages:
        raise Forbidden("managers_only", "Only for the owner and managers of the organisation.")


def check_room(existing: int) -> None:
    if existing >= MAX_ENDPOINTS:
        raise Conflict("too_many_webhooks", f"At most {MAX_ENDPOINTS} webhooks.", limit=MAX_ENDPOINTS)


def secret_text(raw: bytes) -> str:
    """As receivers get it: `whsec_` and base64."""
    return SECRET_PREFIX + base64.b64encode(raw).decode("ascii")


def sign(secret: str, *, message_id: str, timestamp_s: int, body: bytes) -> str:
    """The header `webhook-signature`: `v1,` and base64(HMAC-SHA256(secret, "id.timestamp.body"))."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")


def wants(subscribed: Collection[str], event: EventType) -> bool:
    return event is EventType.PING or event.value in subscribed


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt: `status` None = no HTTP answer, `error` says why."""

    status: int | None
    error: str | None = None

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Next:
    """Where a delivery stands after an attempt."""

    state: DeliveryState
    next_attempt_at: datetime | None


def after_attempt(answer: Answer, attempts: int, now: datetime) -> Next:
    """`attempts`: how many there were, this one included. 410 Gone means: never again."""
    if answer.taken:
        return Next(DeliveryState.DELIVERED, None)
    if answer.status == 410 or attempts > len(RETRY_AFTER):
        return Next(DeliveryState.FAILED, None)
    return Next(DeliveryState.PENDING, now + RETRY_AFTER[attempts - 1])


def disable_reason(answer: Answer, failing_since: datetime | None, now: datetime) -> str | None:
    """Why the endpoint is to be switched off now; None = it stays on."""
    if answer.status == 410:
        return "gone"
    if not answer.taken and failing_since is not None and now - failing_since >= GIVE_UP_AFTER:
        return "failing"
    return None


def known_events(events: Sequence[str]) -> list[str]:
    return sorted(set(events))
