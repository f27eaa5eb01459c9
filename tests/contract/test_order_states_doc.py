"""docs/flows.md draws the states of an order as the code has them."""

import re
from pathlib import Path

from platform_api.orders.rules import state_diagram

FLOWS = Path(__file__).parents[2] / "docs" / "flows.md"


def test_the_drawn_states_are_those_of_the_code() -> None:
    drawn = re.findall(r"```mermaid\n(stateDiagram-v2\n.*?)\n```", FLOWS.read_text(), re.DOTALL)
    assert drawn == [state_diagram()], "paste the output of platform_api.orders.rules.state_diagram()"
