"""docs/commands.md says what the code does: states, reasons to wait, formats, intervals."""

import re
from pathlib import Path

from platform_api.commands.adaptive import NEAR, ON_THE_WAY, WITHOUT_ORDER
from platform_api.commands.encoders import ABILITIES
from platform_api.commands.states import Kind, Waiting, state_diagram

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")


def rows_of(first_words: str) -> list[list[str]]:
    """The cells of the rows whose first cell matches."""
    rows = re.findall(rf"^\| ({first_words}) \|(.*)\|$", PAGE, re.MULTILINE)
    return [[first, *(cell.strip() for cell in rest.split("|"))] for first, rest in rows]


def test_the_drawn_states_are_those_of_the_code() -> None:
    drawn = re.findall(r"```mermaid\n(stateDiagram-v2\n.*?)\n```", PAGE, re.DOTALL)
    assert drawn == [state_diagram()], "paste the output of platform_api.commands.states.state_diagram()"


def test_every_reason_to_wait_is_explained() -> None:
    assert set(Waiting) <= {row[0].strip("`") for row in rows_of(r"`\w+`")}


def test_the_formats_can_do_what_the_page_says() -> None:
    formats = ("native", "owntracks", "teltonika")
    for kind in Kind:
        (cells,) = [row[1:] for row in rows_of(f"`{kind}`") if len(row) == 4]
        told = {name for name, cell in zip(formats, cells, strict=True) if cell != "no"}
        assert told == {name for name in formats if (name, kind) in ABILITIES}, kind


def test_the_intervals() -> None:
    for motion in ("moving", "stopped", "parked"):
        expected = [str(table[motion]) for table in (NEAR, ON_THE_WAY, WITHOUT_ORDER)]
        assert rows_of(motion) == [[motion, *expected]]
