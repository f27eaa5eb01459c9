"""Which real parts this run has, and what happens when one is missing."""

import os
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

import pytest


def missing(part: str, reason: str) -> NoReturn:
    """Skip, saying why; fail where `MESS_REQUIRE` names the part (CI)."""
    required = {name.strip() for name in os.environ.get("MESS_REQUIRE", "").split(",")}
    if part in required:
        pytest.fail(f"{part} is required by MESS_REQUIRE but missing: {reason}", pytrace=False)
    pytest.skip(f"{part} missing: {reason}")


@dataclass(frozen=True, slots=True)
class ExternalBroker:
    """A broker given by URL; it can be neither killed nor restarted from here."""

    host: str
    port: int
    protocol: str = "5"
    shared_subscription: bool = True

    @classmethod
    def from_url(cls, url: str) -> "ExternalBroker":
        """`mqtt://host:port`."""
        parts = urlsplit(url)
        return cls(host=parts.hostname or "127.0.0.1", port=parts.port or 1883)

    def stop(self) -> None:
        pytest.skip("the broker of MESS_TEST_MQTT_URL cannot be stopped by a test")

    kill = stop
    restart = stop
