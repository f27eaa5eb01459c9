"""The check character finds what people mistype; what is read alike is understood."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.errors import Conflict, Invalid
from platform_api.fleet.rules import DeviceKind
from platform_api.pairing import codes

CODES = st.integers(0, 2**32).map(lambda seed: codes.new_code(random.Random(seed).randrange))


def is_code(text: str) -> bool:
    try:
        codes.normalise(text)
    except Invalid:
        return False
    return True


@given(CODES)
def test_a_code_is_eight_characters_and_reads_back_as_it_is_shown(code: str) -> None:
    assert len(code) == codes.CODE_CHARS
    assert set(code) <= set(codes.ALPHABET)
    assert codes.normalise(codes.shown(code)) == code
    assert codes.normalise(f" {codes.shown(code).lower()} ") == code
    assert codes.normalise(code.replace("0", "O").replace("1", "l")) == code


@given(CODES, st.integers(0, 7), st.sampled_from(codes.ALPHABET))
def test_one_wrong_character_is_always_found(code: str, place: int, other: str) -> None:
    typed = code[:place] + other + code[place + 1 :]
    assert is_code(typed) == (other == code[place])


@given(CODES, st.integers(0, 7), st.integers(0, 7))
def test_two_characters_that_changed_places_are_always_found(code: str, one: int, two: int) -> None:
    typed = list(code)
    typed[one], typed[two] = typed[two], typed[one]
    assert is_code("".join(typed)) == (code[one] == code[two])


@pytest.mark.parametrize("typed", ["", "ABCD", "UUUUUUUU", "0000000é", "000000000", "²²²²²²²²"])
def test_what_can_be_no_code_is_refused(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        codes.normalise(typed)
    assert refused.value.code == "invalid_pairing_code"


def test_what_is_stored_needs_the_secret() -> None:
    assert codes.hash_code("a", "00000000") != codes.hash_code("b", "00000000")
    assert "00000000" not in codes.hash_code("a", "00000000")


@pytest.mark.parametrize("kind", [DeviceKind.PHONE, DeviceKind.GATEWAY])
def test_only_trackers_are_paired(kind: DeviceKind) -> None:
    codes.check_pairable(DeviceKind.TRACKER)
    with pytest.raises(Conflict) as refused:
        codes.check_pairable(kind)
    assert refused.value.code == "not_a_tracker"
