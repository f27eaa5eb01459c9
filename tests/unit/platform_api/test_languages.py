"""Which language a reader gets, and that every text is there in French."""

import string
from typing import Any

import pytest
from pydantic_core._pydantic_core import list_all_errors

from platform_api.codes import french, french_text
from platform_api.errors import Conflict, Invalid
from platform_api.languages import Language, best_language, language_headers
from platform_api.validation_texts import french_message, french_texts

FR, EN = Language.FRENCH, Language.ENGLISH
# Of Python objects and functions: no JSON brings them about.
OF_PYTHON = {
    "no_such_attribute", "needs_python_object", "frozen_field", "frozen_instance", "get_attribute_error",
    "dataclass_exact_type", "named_tuple_type", "default_factory_not_called", "iteration_error",
    "frozen_dict_type", "ordered_dict_type", "counter_type", "deque_type", "set_item_not_hashable",
    "value_error", "assertion_error", "missing_sentinel_error", "ellipsis_error", "is_instance_of",
    "is_subclass_of", "callable_type", "arguments_type", "missing_argument", "unexpected_keyword_argument",
    "missing_keyword_only_argument", "unexpected_positional_argument", "missing_positional_only_argument",
    "multiple_argument_values", "complex_type", "complex_str_parsing",
}  # fmt: skip
OURS = {"other": {}, "control_character": {}, "time_out_of_range": {"first": 2000, "last": 2099}}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", EN),
        ("fr", FR),
        ("fr-SN", FR),
        ("en-GB", EN),
        ("wo, fr;q=0.5, en;q=0.4", FR),
        ("en;q=0.9, fr;q=0.8", EN),
        ("fr;q=0", EN),
        ("en;q=0", FR),
        ("en;q=0, *", FR),
        ("fr;q=0, en;q=0", EN),
        ("*;q=0", EN),
        ("wo", FR),
        ("wo-SN, ff;q=0.5", FR),
        ("wo, en;q=0.1", EN),
        ("wo;q=0", EN),
        ("wo;q=0, srr", FR),
        ("de", EN),
        ("*", EN),
        ("fr;q=banana", EN),
        (",;;q==,", EN),
        ("fr\x00", EN),
    ],
)
def test_the_best_of_what_is_asked_for(header: str, language: Language) -> None:
    assert best_language(header) is language


def test_caches_keep_one_answer_for_each_language() -> None:
    assert language_headers(FR) == {"Content-Language": "fr", "Vary": "Accept-Language"}


def test_a_code_is_told_in_french_with_its_values() -> None:
    assert french(Invalid("invalid_password", "...", shortest=8, longest=128)) == (
        "Un mot de passe compte de 8 à 128 caractères."
    )


def test_without_its_values_or_its_code_there_is_no_french() -> None:
    assert french_text("invalid_password") is None
    assert french(Conflict("never_heard_of", "...")) is None


def _types() -> dict[str, dict[str, Any]]:
    known = {each["type"]: dict(each.get("example_context") or {}) for each in list_all_errors()}
    return {kind: values for kind, values in known.items() if kind not in OF_PYTHON} | OURS


def test_every_kind_of_malformed_value_has_a_french_text() -> None:
    assert french_texts().keys() == _types().keys()


@pytest.mark.parametrize(("kind", "values"), _types().items(), ids=_types())
def test_its_places_are_values_of_the_error(kind: str, values: dict[str, Any]) -> None:
    text = french_texts()[kind]
    assert {name for _, name, _, _ in string.Formatter().parse(text) if name} <= values.keys()
    assert "{" not in french_message(kind, values)
    if kind != "other":
        assert french_message(kind, values) != french_texts()["other"]


def test_an_unknown_kind_is_told_all_the_same() -> None:
    assert (
        french_message("of_tomorrow", {}) == french_message("string_too_long", {}) == french_texts()["other"]
    )


def test_a_list_of_values_is_joined_in_french() -> None:
    assert french_message("enum", {"expected": "'a' or 'b'"}).endswith("'a' ou 'b'")
