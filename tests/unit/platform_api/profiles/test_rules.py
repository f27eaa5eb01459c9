"""Numbers and regions as they are typed, and as they are kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.errors import Invalid
from platform_api.profiles import rules

SEPARATORS = st.text(" .-/", max_size=2)


@st.composite
def typed(draw: st.DrawFn, parts: tuple[str, ...]) -> str:
    """The same number with whatever somebody puts between, in small letters or not."""
    text = "".join(draw(SEPARATORS) + part for part in parts)
    return text.lower() if draw(st.booleans()) else text


@given(typed(("005", "144", "788", "2", "G", "3")))
def test_a_ninea_has_one_spelling(text: str) -> None:
    assert rules.normalise_ninea(text) == "005144788 2G3"
    assert rules.normalise_ninea(rules.normalise_ninea(text)) == "005144788 2G3"


@given(typed(("SN", "DKR", "2015", "B", "1234")))
def test_an_rccm_has_one_spelling(text: str) -> None:
    assert rules.normalise_rccm(text) == "SN-DKR-2015-B-1234"
    assert rules.normalise_rccm(rules.normalise_rccm(text)) == "SN-DKR-2015-B-1234"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("3067221", "3067221"),
        ("30672212G2", "3067221 2G2"),
        ("CI-ABJ-03-2021-B13-00001", "CI-ABJ-03-2021-B13-00001"),
        ("RCCM SN DKR 2021 A 99", "SN-DKR-2021-A-99"),
        ("SN-DKR-2015-B-12345678", "SN-DKR-2015-B-12345678"),
    ],
)
def test_other_forms(text: str, kept: str) -> None:
    normalise = rules.normalise_ninea if kept[0].isdigit() else rules.normalise_rccm
    assert normalise(text) == kept


@pytest.mark.parametrize("text", ["", "12345678", "1234567890", "30672213G2", "3067221 2GG", "٣٠٦٧٢٢١"])
def test_no_ninea(text: str) -> None:
    with pytest.raises(Invalid, match="invalid_ninea"):
        rules.normalise_ninea(text)


@pytest.mark.parametrize("text", ["", "SN-DKR-15-B-1", "SN-DKR-2015-B", "1-DKR-2015-B-1", "SN DKR 3015 B 1"])
def test_no_rccm(text: str) -> None:
    with pytest.raises(Invalid, match="invalid_rccm"):
        rules.normalise_rccm(text)


@pytest.mark.parametrize(("code", "name"), list(rules.REGIONS.items()))
def test_a_region_by_code_and_name(code: str, name: str) -> None:
    plain = name.replace("é", "e").replace("è", "e").replace("-", " ").upper()
    for text in (code, code.lower(), code[3:], name, plain, f" {name} "):
        assert rules.normalise_region(text) == code


def test_there_are_fourteen_regions() -> None:
    assert len(rules.REGIONS) == 14
    for text in ("", "Paris", "SN-XX", "FR-75"):
        with pytest.raises(Invalid, match="invalid_region"):
            rules.normalise_region(text)


@given(st.text(max_size=40))
def test_whatever_is_typed_is_refused_or_kept_in_one_spelling(text: str) -> None:
    for normalise in (
        rules.normalise_ninea, rules.normalise_rccm, rules.normalise_region, rules.normalise_email
    ):  # fmt: skip
        try:
            kept = normalise(text)
        except Invalid:
            continue
        assert normalise(kept) == kept


@pytest.mark.parametrize(
    "text", ["", "a", "a@b", "a b@c.sn", "a@b@c.sn", "@b.sn", "a@.sn", "a@b..sn", f"{'a' * 65}@b.sn"]
)
def test_no_email(text: str) -> None:
    with pytest.raises(Invalid, match="invalid_email"):
        rules.normalise_email(text)
