"""Two loads from the first text message to the verdict, over HTTP and MQTT, with everybody who has a part in them.

Shipper, carrier with its dispatcher, driver, freight broker, administrator, the consignee with his link and his code,
and another carrier who must see none of it. Real processes, a simulated truck, and a clock that plays hours in a minute.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.life_cycle import aftermath, books, joining, market, road
from tests.e2e.life_cycle.stage import Stage, stage
from tests.support.receiver import receiver


@pytest.fixture
def platform(database_url: str, redis_url: str) -> Iterator[Stage]:
    with (
        tempfile.TemporaryDirectory(prefix="mess-home-") as home,
        stage(Path(home), database_url, redis_url) as up,
    ):
        yield up


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_loads_from_the_first_text_message_to_the_verdict(platform: Stage) -> None:
    cast = joining.assemble(platform)
    with receiver() as erp:
        hook = aftermath.listen(cast, erp)
        deal = market.agree(cast)
        road.drive(platform, cast, deal)
        aftermath.confirm(cast, deal)
        brokered_id = market.agree_by_broker(cast)
        aftermath.dispute(cast, brokered_id)
        aftermath.told(cast, deal, hook)
    aftermath.read_by_systems(platform, cast, deal)
    aftermath.on_record(platform, cast)
    books.every_transition_once(cast, deal, brokered_id)
    books.every_ping_accounted(platform, cast)
