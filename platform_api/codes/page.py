"""docs/errors.md: the catalogue as a page."""

from collections.abc import Mapping

from platform_api.codes import Code, by_feature

_HEAD = """\
# Error codes

Every code of the API. A program looks at `code`, which never changes; `detail` is for people, in the language that
they prefer (`Accept-Language: fr` or `en`), and may say more than stands here. `{limit}` and the
like are filled in. How errors look: [api.md](api.md#errors).

Written by `mess codes > docs/errors.md` from `platform_api/codes/`; a test compares.
"""


def render() -> str:
    """Markdown, one table a feature."""
    return "\n".join([_HEAD, *(_section(feature, codes) for feature, codes in by_feature().items())])


def _section(feature: str, codes: Mapping[str, Code]) -> str:
    rows = [
        f"| `{name}` | {code.status} | {_cell(code.en)} | {_cell(code.fr)} |" for name, code in codes.items()
    ]
    return "\n".join(
        [f"## {feature}", "", "| code | status | English | français |", "|---|---|---|---|", *rows, ""]
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
