"""The figures of a text, for tests that somebody must not read a price or a code."""

import re

# Nor the digits of an id, of a hash, or of a second: by chance they hold any number that is looked for.
_FIGURE = re.compile(r"(?<![\w.])(?<!\w-)\d+(?!\w|-\w)")


def figures(text: str) -> set[str]:
    """The whole numbers that stand by themselves."""
    return set(_FIGURE.findall(text))
