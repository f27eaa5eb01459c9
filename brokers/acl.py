"""Who may publish and subscribe to what: one pure function, said again to EMQX in `emqx/acl.conf`.

The rules are a table on purpose: `tests/contract/test_emqx_acl.py` holds it against acl.conf.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from brokers.topics import (
    DEVICE_UID_MAX_CHARS,
    FOREIGN_DOWN,
    FOREIGN_UP,
    GATEWAY_UP,
    NATIVE_DOWN,
    NATIVE_UP,
    OWNTRACKS_UP,
    SERVICE_PREFIX,
    SERVICE_TOPICS,
    is_topic_filter,
    is_topic_name,
    matches,
    split_share,
)

Action = Literal["publish", "subscribe"]
CLIENT_ID: Final = "${clientid}"

# Ids are pasted into filters, so one with + # or / would widen them; `svc-` decides a whole rule.
UNSAFE_CLIENT_ID: Final = re.compile(r"[^A-Za-z0-9._:-]|^[^A-Za-z0-9]")
UNSAFE_USERNAME: Final = re.compile(r"[+#/]")


@dataclass(frozen=True, slots=True)
class Rule:
    """Allows `actions` on whatever lies under one of `topics`, to services or to every client."""

    services_only: bool
    actions: tuple[Action, ...]
    topics: tuple[str, ...]


def _own(*patterns: str) -> tuple[str, ...]:
    return tuple(pattern.replace("{uid}", CLIENT_ID) for pattern in patterns)


RULES: Final = (
    Rule(True, ("subscribe",), ("$SYS/brokers/+/clients/#",)),
    Rule(True, ("publish", "subscribe"), SERVICE_TOPICS),
    Rule(False, ("publish",), tuple(f"v1/devices/{CLIENT_ID}/{tail}" for tail in NATIVE_UP)),
    # Whether a client is a gateway, and for whom it may speak, is for ingest to judge.
    Rule(False, ("publish",), _own(GATEWAY_UP)),
    Rule(False, ("publish",), _own(*FOREIGN_UP)),
    Rule(
        False,
        ("publish",),
        tuple(f"owntracks/{CLIENT_ID}/+" + (f"/{tail}" if tail else "") for tail in OWNTRACKS_UP),
    ),
    Rule(False, ("subscribe",), tuple(f"v1/devices/{CLIENT_ID}/{tail}" for tail in NATIVE_DOWN)),
    Rule(False, ("subscribe",), (f"owntracks/{CLIENT_ID}/+/cmd",)),
    Rule(False, ("subscribe",), _own(*FOREIGN_DOWN)),
)


def allows(client_id: str, username: str, action: Action, topic: str) -> bool:
    """Whether an authenticated client may publish to a topic or subscribe to a filter.

    Services are known by client id, never by user name: authentication binds the client id to the
    credential, while a token's holder may have chosen his user name. Everything not allowed is denied.
    """
    if not client_id or len(client_id) > DEVICE_UID_MAX_CHARS:
        return False
    if UNSAFE_CLIENT_ID.search(client_id) or UNSAFE_USERNAME.search(username):
        return False
    target = _target(action, topic)
    return target is not None and any(
        action in rule.actions and _under(target, pattern, client_id)
        for rule in RULES
        if client_id.startswith(SERVICE_PREFIX) or not rule.services_only
        for pattern in rule.topics
    )


def _target(action: Action, topic: str) -> str | None:
    """The name or bare filter to judge: a share is judged by its filter. None = not even well formed."""
    if action == "publish":
        return topic if is_topic_name(topic) else None
    share = split_share(topic)
    return share[1] if share is not None and is_topic_filter(share[1]) else None


def _under(target: str, pattern: str, client_id: str) -> bool:
    """Whether everything that `target` covers is covered by `pattern`.

    Reading the asked filter as a name does that, with one exception: its `#` must not pass for the
    one level that a `+` stands for.
    """
    ours = pattern.replace(CLIENT_ID, client_id)
    if target.endswith("#") and not ours.endswith("#"):
        return False
    return matches(target, ours)
