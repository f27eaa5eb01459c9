"""Every codec of the registry against bytes of any kind and against damaged recordings: nothing raises, all can be stored.

A new codec is here without a change: it brings its recordings, `tests/vectors/SLUG.json`. `make fuzz` does the same
for longer, guided by coverage.
"""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.codecs.codec import Codec
from ingest.codecs.registry import CODECS
from tests.support.codec_fuzz import (
    ODD_TEXTS,
    check_codec,
    check_decoded,
    mutated,
    payloads_of,
    with_sharp_values,
)

each_codec = pytest.mark.parametrize("codec", CODECS, ids=[codec.slug for codec in CODECS])
CALM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MUCH = settings(CALM, max_examples=200)


@each_codec
def test_what_is_recorded_can_be_stored(codec: Codec) -> None:
    assert len(payloads_of(codec)) > 1
    for payload in payloads_of(codec):
        check_codec(codec, payload)


@each_codec
def test_a_sharp_value_in_every_place(codec: Codec) -> None:
    for payload in with_sharp_values(payloads_of(codec)):
        check_codec(codec, payload)


@each_codec
@CALM
@given(payload=st.binary(min_size=1, max_size=200))
def test_any_bytes(codec: Codec, payload: bytes) -> None:
    check_codec(codec, payload)


@each_codec
@MUCH
@given(random=st.randoms(use_true_random=False))
def test_damaged_recordings(codec: Codec, random: Random) -> None:
    check_codec(codec, mutated(random.choice(payloads_of(codec)), random))


@each_codec
@CALM
@given(random=st.randoms(use_true_random=False))
def test_the_recordings_of_another_codec(codec: Codec, random: Random) -> None:
    other = random.choice(CODECS)
    check_codec(codec, mutated(random.choice(payloads_of(other)), random))


def test_damage_reaches_what_it_should() -> None:
    """The mutator itself: it makes every kind of outcome, and nearly never leaves a payload as it was."""
    random = Random(7)
    first = payloads_of(CODECS[0])[0]
    others = [mutated(first, random) for _ in range(300)]
    assert sum(other == first for other in others) < 30
    outcomes = set()
    for codec in CODECS:
        for payload in payloads_of(codec):
            for _ in range(20):
                decoded = check_codec(codec, mutated(payload, random))
                if decoded is not None:
                    outcomes |= {each.reason for each in decoded.rejected} | {"ping" for _ in decoded.pings}
    assert {
        "ping",
        "malformed",
        "wrong_type",
        "missing_field",
        "not_finite",
        "value_out_of_range",
    } <= outcomes


def test_the_check_sees_what_cannot_be_stored() -> None:
    from ingest.ping import CommandResult, Decoded, Ping, Rejected

    good = Ping(time_us=0, lat=1.0, lon=1.0)
    check_decoded(Decoded(pings=[good]))
    bad: list[Decoded] = [
        Decoded(pings=[Ping(time_us=0, lat=float("nan"), lon=1.0)]),
        Decoded(pings=[Ping(time_us=-1, lat=1.0, lon=1.0)]),
        Decoded(pings=[Ping(time_us=0, lat=1.0, lon=1.0, heading_deg=360.0)]),
        Decoded(pings=[Ping(time_us=0, lat=1.0, lon=1.0, attributes={"a": "\x00"})]),
        Decoded(pings=[Ping(time_us=0, lat=1.0, lon=1.0, alarms=("x" * 65,))]),
        Decoded(pings=[Ping(time_us=0, lat=1.0, lon=1.0, ignition=1)]),  # type: ignore[arg-type]
        Decoded(pings=[], report={"a": float("inf")}),
        Decoded(pings=[], results=[CommandResult(None, True, "\ud800")]),
        Decoded(pings=[], uid="svc-ingest"),
        Decoded(pings=[], rejected=[Rejected("codec_failed")]),
        Decoded(pings=[], rejected=[Rejected("because")]),
    ]
    for decoded in bad:
        with pytest.raises((AssertionError, ValueError)):
            check_decoded(decoded)


def test_odd_texts_have_times_with_all_fractions() -> None:
    fractions = {
        len(text.split(".")[1].split("+")[0]) for text in ODD_TEXTS if text.startswith("2026-01-26T15:57:02.")
    }
    assert fractions == set(range(1, 13))
