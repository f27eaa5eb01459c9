"""brokers/emqx/acl.conf and brokers/acl.py say the same; emqx.conf names what the schema has."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.acl import Action, allows
from brokers.topics import DEVICE_UID_MAX_CHARS, SHARE_GROUP, is_topic_filter, is_topic_name

EMQX = Path(__file__).parents[2] / "brokers" / "emqx"
SCHEMA = Path(__file__).parents[2] / "migrations" / "sql" / "0001_spine_up.sql"

TOKENS = re.compile(r'%[^\n]*|\s+|"(?:[^"\\]|\\.)*"|[a-z][A-Za-z0-9_]*|[{}\[\],.]')


def tokens_of(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        token = TOKENS.match(text, position)
        assert token, f"not a token: {text[position : position + 20]!r}"
        position = token.end()
        if not token[0].isspace() and not token[0].startswith("%"):
            yield token[0]


def parse_terms(text: str) -> list[Any]:
    """Erlang terms, each ended by a dot: tuples and lists as tuple and list, atoms and strings as str."""
    tokens = list(tokens_of(text))
    terms = []
    position = 0
    while position < len(tokens):
        term, position = parse_term(tokens, position)
        assert tokens[position] == "."
        terms.append(term)
        position += 1
    return terms


def parse_term(tokens: list[str], position: int) -> tuple[Any, int]:
    opening = tokens[position]
    if opening not in "{[":
        value = opening[1:-1].replace("\\\\", "\\") if opening.startswith('"') else opening
        return value, position + 1
    closing = {"{": "}", "[": "]"}[opening]
    items = []
    position += 1
    while tokens[position] != closing:
        item, position = parse_term(tokens, position)
        items.append(item)
        if tokens[position] == ",":
            position += 1
    return (tuple(items) if opening == "{" else items), position + 1


RULES = parse_terms((EMQX / "acl.conf").read_text())


def emqx_words_match(words: list[str], pattern: list[str]) -> bool:
    """As emqx_topic:match/2 on words, where the asked filter's wildcards are words like any other."""
    if not words and not pattern:
        return True
    if words and pattern and (words[0] == pattern[0] or pattern[0] == "+"):
        return emqx_words_match(words[1:], pattern[1:])
    return pattern == ["#"]


def emqx_who(client_id: str, username: str, who: Any) -> bool:
    if who == "all":
        return True
    kind, (regex, expression) = who
    assert regex == "re"
    return re.search(expression, {"clientid": client_id, "username": username}[kind]) is not None


def emqx_allows(client_id: str, username: str, action: Action, topic: str) -> bool:
    """What EMQX 5.8 answers with our file (emqx_authz_rule.erl, emqx_topic.erl) and `no_match = deny`."""
    if len(client_id) > max_clientid_len():
        return False
    if topic.startswith("$share/"):
        # emqx_topic:parse refuses a share without group or filter before any rule is asked.
        group, _, topic = topic.removeprefix("$share/").partition("/")
        if not group or not topic:
            return False
    for rule in RULES:
        permission, who, actions, topics = rule if len(rule) == 4 else (rule[0], "all", "all", ["#"])
        patterns = ["#"] if topics == "all" else [one.replace("${clientid}", client_id) for one in topics]
        if (
            actions in ("all", action)
            and emqx_who(client_id, username, who)
            and any(emqx_words_match(topic.split("/"), pattern.split("/")) for pattern in patterns)
        ):
            return bool(permission == "allow")
    return False


@cache
def conf() -> str:
    return (EMQX / "emqx.conf").read_text()


@cache
def max_clientid_len() -> int:
    found = re.search(r"max_clientid_len = (\d+)", conf())
    assert found
    return int(found[1])


UIDS = ["truck-1", "truck-12", "a", "svc-ingest-1", "svc-", "x.y:z_1"]
BAD_IDS = ["+", "#", "a/b", "tr+ck", "a#", "", "-a", "a b", "svc-+", "é", "a\n", "$SYS", "x" * 65]
LEVELS = [
    *["v1", "devices", "owntracks", "pings", "msgpack", "backlog", "acks", "events", "status", "commands"],
    *["result", "cmd", "event", "waypoint", "waypoints", "dump", "step", "beacon", "info", "phone", "7"],
    *["$SYS", "brokers", "clients", "+", "#", "", "connected", "formats", "teltonika", "data", "truck-1"],
]
HEADS = [
    *["v1/devices/{}", "owntracks/{}", "$share/g/v1/devices/{}", "$SYS/brokers/{}", "{}", "v1/gateways/{}"],
    *[
        "teltonika/{}",
        "osmand/{}",
        "realm/{}",
        "flespi/{}",
        "application/{}",
        "traccar/{}",
        "v3/{}",
        "positions/{}",
    ],
]


def every_short_topic() -> Iterator[str]:
    """All names and filters of up to two levels after a head, with each id that matters in it."""
    tails = ["", *LEVELS, *("/".join(pair) for pair in product(LEVELS, LEVELS))]
    for head, uid, tail in product(HEADS, ["truck-1", "truck-12", "+", "#"], tails):
        yield head.format(uid) + (f"/{tail}" if tail else "")


@pytest.mark.parametrize("client_id", ["truck-1", "svc-x", "tr+ck"])
def test_both_acls_agree_on_every_short_topic(client_id: str) -> None:
    granted = 0
    for topic in every_short_topic():
        if is_topic_filter(topic.removeprefix("$share/g/")):
            expected = emqx_allows(client_id, "awa", "subscribe", topic)
            assert allows(client_id, "awa", "subscribe", topic) is expected, f"subscribe {topic}"
            granted += expected
        if is_topic_name(topic) and not topic.startswith("$share/"):
            expected = emqx_allows(client_id, "awa", "publish", topic)
            assert allows(client_id, "awa", "publish", topic) is expected, f"publish {topic}"
            granted += expected
    assert (granted > 0) is (client_id != "tr+ck")


client_ids = st.sampled_from(UIDS + BAD_IDS)
usernames = st.sampled_from(["awa", "truck-1", "svc-x", "+", "a/b", "#"])


@st.composite
def topics_near_the_grammar(draw: st.DrawFn) -> str:
    """Topics and filters made of the grammar's own words, often with an id at the right place."""
    uid = draw(st.sampled_from([*UIDS, "+", "#"]))
    tail = draw(st.lists(st.sampled_from(LEVELS), max_size=4))
    head = draw(
        st.sampled_from([["v1", "devices", uid], ["owntracks", uid], ["$SYS", "brokers", uid], [uid], []])
    )
    share = draw(st.sampled_from([[], [], ["$share", "g"]]))
    return "/".join([*share, *head, *tail])


@given(client_ids, usernames, topics_near_the_grammar())
def test_both_acls_agree_on_subscriptions(client_id: str, username: str, topic: str) -> None:
    bare = topic.removeprefix("$share/g/")
    if client_id and is_topic_filter(bare):
        asked = (client_id, username, "subscribe", topic)
        assert allows(*asked) == emqx_allows(*asked)  # type: ignore[arg-type]


@given(client_ids, usernames, topics_near_the_grammar())
def test_both_acls_agree_on_publishing(client_id: str, username: str, topic: str) -> None:
    if client_id and is_topic_name(topic) and not topic.startswith("$share/"):
        asked = (client_id, username, "publish", topic)
        assert allows(*asked) == emqx_allows(*asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("client_id", "action", "topic", "expected"),
    [
        ("truck-1", "publish", "v1/devices/truck-1/pings", True),
        ("truck-1", "publish", "v1/devices/truck-1/backlog/msgpack", True),
        ("truck-1", "publish", "v1/devices/truck-1/commands/7/result", True),
        ("truck-1", "publish", "v1/devices/truck-1/commands", False),
        ("truck-1", "publish", "v1/devices/truck-1/acks", False),
        ("truck-1", "publish", "v1/devices/truck-12/pings", False),
        ("truck-1", "publish", "owntracks/truck-1/phone", True),
        ("truck-1", "publish", "owntracks/truck-1/phone/event", True),
        ("truck-1", "publish", "owntracks/truck-1/phone/cmd", False),
        ("truck-1", "publish", "owntracks/truck-12/phone", False),
        ("truck-1", "subscribe", "v1/devices/truck-1/acks", True),
        ("truck-1", "subscribe", "$share/g/v1/devices/truck-1/acks", True),
        ("truck-1", "subscribe", "owntracks/truck-1/+/cmd", True),
        ("truck-1", "subscribe", "owntracks/truck-1/#", False),
        ("truck-1", "subscribe", "v1/devices/truck-1/+", False),
        ("truck-1", "subscribe", "#", False),
        ("truck-1", "subscribe", "$SYS/brokers/x/clients/#", False),
        ("truck-1", "subscribe", "$share/ingest/v1/devices/+/pings", False),
        ("svc-ingest-1", "subscribe", "$share/ingest/v1/devices/+/pings", True),
        ("svc-ingest-1", "subscribe", "$SYS/brokers/+/clients/#", True),
        ("svc-ingest-1", "subscribe", "$SYS/#", False),
        ("svc-ingest-1", "subscribe", "#", False),
        ("svc-ingest-1", "publish", "v1/devices/truck-1/acks", True),
        ("svc-ingest-1", "publish", "$SYS/brokers/x/clients/y/connected", False),
        ("+", "publish", "v1/devices/truck-1/pings", False),
        ("a/b", "publish", "v1/devices/a/b/pings", False),
        ("truck-1", "publish", "v1/devices/truck-1/formats/owntracks", True),
        ("truck-1", "publish", "v1/devices/truck-12/formats/owntracks", False),
        ("mast-1", "publish", "v1/gateways/mast-1/owntracks/truck-1/phone", True),
        ("mast-1", "publish", "v1/gateways/mast-2/owntracks/truck-1/phone", False),
        ("mast-1", "subscribe", "v1/gateways/mast-1/#", False),
        ("3563", "publish", "teltonika/3563/data", True),
        ("3563", "publish", "realm/3563/teltonika/3563/data", True),
        ("3563", "publish", "realm/3563/teltonika/3564/data", False),
        ("3563", "publish", "realm/3564/teltonika/3563/data", False),
        ("3563", "subscribe", "teltonika/3563/commands", True),
        ("3563", "subscribe", "teltonika/+/commands", False),
        ("phone-1", "publish", "osmand/phone-1", True),
        ("phone-1", "publish", "osmand/phone-2", False),
        ("phone-1", "publish", "positions", False),
        ("phone-1", "publish", "traccar/phone-1", False),
        ("app-1", "publish", "application/app-1/device/0101010101010101/event/up", False),
        ("svc-bridge-1", "publish", "application/app-1/device/0101010101010101/event/up", True),
        ("svc-bridge-1", "publish", "positions", True),
    ],
)
def test_a_table_both_obey(client_id: str, action: Action, topic: str, expected: bool) -> None:
    assert allows(client_id, "user", action, topic) is expected
    assert emqx_allows(client_id, "user", action, topic) is expected


def test_ids_are_as_long_as_the_schema_says() -> None:
    assert max_clientid_len() == DEVICE_UID_MAX_CHARS


def query() -> str:
    found = re.search(r'query = "([^"]+)"', conf())
    assert found
    return found[1]


def test_the_query_names_columns_that_exist() -> None:
    schema = SCHEMA.read_text()
    for alias, table in (("c", "mqtt_credentials"), ("d", "devices")):
        body = re.search(rf"CREATE TABLE {table} \((.*?)\n\);", schema, re.DOTALL)
        assert body
        columns = set(re.findall(r"^    ([a-z_]+) ", body[1], re.MULTILINE))
        used = set(re.findall(rf"\b{alias}\.([a-z_]+)", query()))
        assert used
        assert used <= columns


def test_authentication_binds_ids_and_hashes_as_we_do() -> None:
    text = conf()
    assert 'verify_claims { sub = "${clientid}", username = "${username}", aud = "mqtt" }' in text
    assert "password_hash_algorithm { name = sha256, salt_position = prefix }" in text
    assert "c.username = ${username} AND c.client_id = ${clientid}" in query()
    assert "no_match = deny" in text
    assert f"broker.shared_subscription_group.{SHARE_GROUP}.strategy = hash_clientid" in text
    assert "storage_type = disc" in text


def test_no_secret_stands_in_the_file() -> None:
    assert not re.search(r"^\s*(secret|password|cookie|default_password)\s*=", conf(), re.MULTILINE)


def test_braces_and_brackets_are_balanced() -> None:
    text = re.sub(r'"[^"]*"|##[^\n]*', "", conf())
    assert text.count("{") == text.count("}")
    assert text.count("[") == text.count("]")
