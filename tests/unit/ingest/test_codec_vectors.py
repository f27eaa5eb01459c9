"""Recorded and hand-made payloads of every format, with what they must come to: `tests/vectors/NAME.json`.

A file is named after its codec's slug and holds a list of cases:

    {"name": "what it shows", "topic": "...", "payload": "text" (or "hex": "0a0b", or "json": any value),
     "pings": [{normal form; keys left out are null, [] or {}}], "rejected": ["reason", ...],
     "presence": true | false, "results": [{...}; "receipt" left out is false], "report": {...}, "uid": "..."}

What a case leaves out must not be there. Without a topic the payload comes on the generic topic of its codec.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.codecs.codec import Limits
from ingest.codecs.registry import CODECS, decode, route
from ingest.ping import Decoded, Ping, normal_form

VECTORS = Path(__file__).parents[2] / "vectors"
EMPTY = normal_form(Ping(time_us=0, lat=0.0, lon=0.0))


def cases() -> list[Any]:
    return [
        pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}")
        for path in sorted(VECTORS.glob("*.json"))
        for case in json.loads(path.read_text(encoding="utf-8"))
    ]


def payload_of(case: dict[str, Any]) -> bytes:
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    return case["payload"].encode() if "payload" in case else json.dumps(case["json"]).encode()


@pytest.mark.parametrize(("slug", "case"), cases())
def test_vector(slug: str, case: dict[str, Any]) -> None:
    topic = case.get("topic", f"v1/devices/truck-1/formats/{slug}")
    found = route(topic)
    assert found is not None
    decoded = decode(topic, payload_of(case), Limits())
    assert shown(decoded) == expected(case)


def shown(decoded: Decoded) -> dict[str, Any]:
    return {
        "pings": [normal_form(ping) for ping in decoded.pings],
        "rejected": [each.reason for each in decoded.rejected],
        "presence": None if decoded.presence is None else decoded.presence.online,
        "results": [msgspec.to_builtins(each) for each in decoded.results],
        "report": decoded.report,
        "uid": decoded.uid,
    }


def expected(case: dict[str, Any]) -> dict[str, Any]:
    return {
        "pings": [EMPTY | ping for ping in case.get("pings", [])],
        "rejected": case.get("rejected", []),
        "presence": case.get("presence"),
        "results": [{"receipt": False} | result for result in case.get("results", [])],
        "report": case.get("report"),
        "uid": case.get("uid"),
    }


def test_every_codec_has_vectors_of_good_and_bad_payloads() -> None:
    for codec in CODECS:
        found = json.loads((VECTORS / f"{codec.slug}.json").read_text(encoding="utf-8"))
        assert any("rejected" not in case for case in found), codec.slug
        assert any("rejected" in case for case in found), codec.slug
