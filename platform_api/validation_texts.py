"""What is said of a malformed value, by pydantic's type of error: French here, English is pydantic's own."""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

OTHER = "other"


@lru_cache
def french_texts() -> Mapping[str, str]:
    """Type of error -> text with places for the values of the error."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def french_message(kind: str, values: Mapping[str, Any]) -> str:
    """`values`: pydantic's `ctx`. A text of our own never holds what was sent: it may be a password."""
    texts = french_texts()
    # pydantic lists them in English: 'a', 'b' or 'c'.
    expected = str(values.get("expected", "")).replace(" or ", " ou ")
    try:
        return texts.get(kind, texts[OTHER]).format_map({**values, "expected": expected})
    except (KeyError, IndexError):
        return texts[OTHER]
