"""docs/api.md is run as it stands."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.api import api_on

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "api.md").read_text()


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


def test_the_tour_works(client: httpx.Client) -> None:
    script = "\n".join(re.findall(r"^```bash\n(.*?)^```", PAGE, re.M | re.S))
    script = script.replace("http://127.0.0.1:18000", str(client.base_url).rstrip("/"))
    script = script.replace(".venv/bin/mess", f"{sys.executable} -m cli")
    # Every call must succeed: an error body has a "code" and a "request_id".
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        check=False, capture_output=True, text=True, timeout=150, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"request_id"' not in done.stdout
    assert done.stdout.count('"mqtt_password"') == 2
    assert '"radius_m"' in done.stdout
