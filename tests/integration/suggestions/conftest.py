"""The freight world of the order tests."""

from tests.integration.orders.conftest import client, world

__all__ = ["client", "world"]
