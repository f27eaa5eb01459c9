"""The embedded MQTT broker (amqtt with our accounts and rules) as a child process."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cli.parts.process import LOOPBACK, ServerProcess, accepts_tcp, free_port

ROOT = Path(__file__).resolve().parents[2]


class EmbeddedBroker:
    """`python -m brokers.embedded` on its own port. It keeps nothing on disk: a restart begins empty."""

    protocol = "3.1.1"
    shared_subscription = True

    def __init__(self, *, log: Path, env: Mapping[str, str], port: int | None = None) -> None:
        """`env`: MESS_* settings it needs (database for the accounts, secrets); added to our own."""
        self.host = LOOPBACK
        self.port = port or free_port()
        self.process = ServerProcess(
            "embedded MQTT broker",
            [sys.executable, "-m", "brokers.embedded"],
            log=log,
            env={**os.environ, **env, "MESS_MQTT_HOST": self.host, "MESS_MQTT_PORT": str(self.port)},
            cwd=ROOT,
            port=self.port,
        )

    def start(self) -> None:
        self.process.start(lambda: accepts_tcp(self.host, self.port))

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        self.process.kill()

    def restart(self) -> None:
        self.process.stop()
        self.start()


@contextmanager
def embedded_broker(
    *, log: Path, env: Mapping[str, str], port: int | None = None
) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(log=log, env=env, port=port)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
