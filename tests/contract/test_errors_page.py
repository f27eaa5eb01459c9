"""docs/errors.md is the catalogue of codes as `mess codes` prints it."""

from pathlib import Path

from platform_api.codes.page import render

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def test_the_page_is_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "write it anew: mess codes > docs/errors.md"
