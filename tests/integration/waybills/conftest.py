"""The world of execution, whose loadings issue waybills."""

from tests.integration.execution.conftest import client, world

__all__ = ["client", "world"]
