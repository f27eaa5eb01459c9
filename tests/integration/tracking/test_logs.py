"""An access token in the address of a WebSocket is not for the logs."""

import sys

import pytest
from httpx import Client

from config.logging import configure_logging
from config.settings import Settings
from platform_api.actor import Role
from tests.integration.tracking import world
from tests.integration.tracking.viewer import receive, token_of, watching
from tests.support.api import person


def test_tokens_are_not_logged(api: Client, settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(settings.model_copy(update={"log_level": "INFO"}))
    try:
        shipper = person(api, Role.SHIPPER)
        order_id = world.new_order(shipper, world.new_truck(api))
        with watching(api, order_id, token_of(shipper)) as socket:
            receive(socket)
    finally:
        configure_logging(settings)
    sys.stderr.flush()
    logged = capfd.readouterr().err
    assert f"/ws/tracking/order/{order_id}/?token=***" in logged
    assert token_of(shipper) not in logged
