"""`make demo` as a user runs it: it ends well, twice, and shows its evidence."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_plays_a_delivery_and_does_so_again(tmp_path: Path) -> None:
    for _ in range(2):
        shown = _demo(tmp_path / "demo")
        received, stored, duplicate, rejected = _equation(shown)
        assert received == stored + duplicate + rejected
        assert min(received, stored, duplicate, rejected) > 0
        for word in ("arrived_pickup", "picked_up", "arrived_delivery", "proof_of_delivery", "COMPLETED"):
            assert word in shown
        heard = re.search(r"WebSocket received (\d+) messages", shown)
        assert heard is not None
        assert int(heard[1]) > 20


def _demo(home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "demo", "--home", str(home)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def _equation(shown: str) -> tuple[int, ...]:
    numbers = re.search(r"received (\d+) = stored (\d+) \+ duplicate (\d+) \+\s+rejected (\d+)", shown)
    assert numbers is not None
    return tuple(map(int, numbers.groups()))
