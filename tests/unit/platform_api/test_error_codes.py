"""Every code that is raised is in the catalogue (`platform_api/codes/<feature>.toml`), and nothing else is.

Found by reading the source: `Conflict("order_not_open", ...)` and the like. What other packages
raise and an endpoint passes on stands in `PASSED_ON`; what the edge makes of other errors in `EDGE`.
"""

import ast
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import platform_api.app
from geofence.errors import CODES as FENCE_CODES
from platform_api import errors
from platform_api.codes import by_feature, catalogue
from platform_api.error_handlers import CONFLICTS, HTTP_CODES
from platform_api.errors import PlatformError

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "platform_api"

# Where a code comes with an error of another package: file -> codes with their status.
PASSED_ON: dict[str, dict[str, int]] = {
    "telemetry/service.py": dict.fromkeys(("rule_unknown", "rule_wrong_type", "rule_out_of_range"), 422),
    "retention/rules.py": dict.fromkeys(
        ("retention_too_short", "retention_too_long", "retention_order", "thinning"), 422
    ),
    "orders/bodies.py": dict.fromkeys(FENCE_CODES, 422),
    "geofences/service.py": dict.fromkeys(FENCE_CODES, 422),
    "fleet/service.py": {"device_uid_reserved": 422, "device_uid_malformed": 422, "credential_exists": 409},
}
EDGE = {
    "invalid_body": 422, "invalid_parameter": 400, "internal_error": 500, "conflict": 409,
    **{code: status for status, code in HTTP_CODES.items()},
    **{code: 409 for code, _ in CONFLICTS.values()},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Raised:
    code: str
    status: int
    values: frozenset[str]
    where: str


def _classes(kind: type[PlatformError] = PlatformError) -> Iterator[type[PlatformError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _classes(each)


@cache
def _statuses() -> dict[str, int]:
    assert platform_api.app  # imported, so that every feature's own classes are known
    return {kind.__name__: kind.status for kind in _classes()}


def _calls(path: Path) -> Iterator[tuple[ast.Call, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in _statuses():
                yield node, _statuses()[name]


def _codes_of(call: ast.Call) -> list[str]:
    """The codes that a call names; several for `a if x else b`, none for a variable."""
    first = call.args[0] if call.args else None
    options = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
    return [each.value for each in options if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def _files() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent.name != "codes"]


@cache
def raised() -> list[Raised]:
    found = []
    for path in _files():
        for call, status in _calls(path):
            values = frozenset(word.arg or "**" for word in call.keywords) - {"retry_after_s"}
            where = f"{path.relative_to(ROOT)}:{call.lineno}"
            found += [Raised(code, status, values, where) for code in _codes_of(call)]
    return found


def test_every_code_raised_is_in_the_catalogue_with_its_status() -> None:
    wrong = [
        f"{each.where}: {each.code} is raised with {each.status}, the catalogue has {_status_of(each.code)}"
        for each in raised()
        if _status_of(each.code) != each.status
    ]
    assert not wrong, "add it to platform_api/codes/<feature>.toml:\n" + "\n".join(wrong)


def _status_of(code: str) -> int | None:
    entry = catalogue().get(code)
    return None if entry is None else entry.status


def test_codes_of_the_edge_and_of_other_packages_are_in_the_catalogue_with_their_status() -> None:
    expected = dict(EDGE)
    for codes in PASSED_ON.values():
        expected |= codes
    assert {code: _status_of(code) for code in expected} == expected


def test_no_other_file_raises_a_code_that_cannot_be_read_from_its_source() -> None:
    known = {"error_handlers.py", *PASSED_ON}
    dynamic = {
        str(path.relative_to(PACKAGE))
        for path in _files()
        for call, _ in _calls(path)
        if not _codes_of(call) and call.args
    }
    assert dynamic <= known, "name its codes in PASSED_ON of this test"


def test_every_code_of_the_catalogue_is_raised_somewhere() -> None:
    known = (
        {each.code for each in raised()}
        | set(EDGE)
        | {code for codes in PASSED_ON.values() for code in codes}
    )
    # What goes through a helper is a text of the source all the same.
    texts = {text for path in _files() for text in _texts_outside_errors(path)}
    assert catalogue().keys() - known - texts == set()


def _texts_outside_errors(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    declared = {
        id(leaf)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "errors"
        for leaf in ast.walk(node)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in declared
    }


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_place_in_a_french_text_is_filled_wherever_the_code_is_raised() -> None:
    given = {each.code: each.values for each in raised()}
    for each in raised():
        entry = catalogue().get(each.code)
        missing = set() if entry is None or "**" in each.values else places(entry.fr) - each.values
        assert not missing, f"{each.where}: the French text of {each.code} needs {missing}"
    for code, entry in catalogue().items():
        assert code in given or not places(entry.fr), f"{code}: nobody gives values"
        assert not places(entry.en), f"{code}: the English text is shown as it stands"


def test_texts_are_sentences_and_statuses_are_those_of_errors() -> None:
    statuses = set(_statuses().values()) | set(HTTP_CODES) | {500}
    for feature, codes in by_feature().items():
        for code, entry in codes.items():
            assert code.isascii()
            assert code == code.lower()
            assert entry.status in statuses, f"{feature}: {code}"
            for text in (entry.en, entry.fr):
                assert text.strip() == text, f"{feature}: {code}"
                assert text[-1] in ".?!…>", f"{feature}: {code}: {text}"


def test_the_doc_of_errors_names_every_class() -> None:
    assert errors.__doc__ is not None
    for kind in (each for each in _classes() if each.__module__ == errors.__name__):
        assert f"{kind.__name__} {kind.status}" in errors.__doc__
