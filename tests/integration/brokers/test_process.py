"""The embedded broker as a process: how it stops, and what it does without its database."""

import subprocess
from pathlib import Path

from cli.parts.embedded_broker import EmbeddedBroker, embedded_broker
from tests.integration.brokers.conftest import SERVICE_PASSWORD, Mqtt, connect_packet, is_closed, read_exactly

NO_DATABASE = {"MESS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "MESS_ENVIRONMENT": "test"}
SERVER_UNAVAILABLE = 3


def test_without_database_devices_are_told_to_come_back_and_services_work(tmp_path: Path) -> None:
    with embedded_broker(log=tmp_path / "log", env=NO_DATABASE) as broker:
        mqtt = Mqtt(broker.host, broker.port)
        with mqtt.raw() as sock:
            sock.sendall(connect_packet("truck-1", "truck-1", "secret"))
            assert read_exactly(sock, 4)[3] == SERVER_UNAVAILABLE
        with mqtt.raw() as sock:
            sock.sendall(connect_packet("svc-x", "svc-x", SERVICE_PASSWORD))
            assert read_exactly(sock, 4)[3] == 0


def test_sigterm_closes_connections_and_exits_with_0(tmp_path: Path) -> None:
    broker = EmbeddedBroker(log=tmp_path / "log", env=NO_DATABASE)
    broker.start()
    try:
        mqtt = Mqtt(broker.host, broker.port)
        with mqtt.raw_login("svc-x", SERVICE_PASSWORD) as sock:
            assert broker.process.pid is not None
            subprocess.run(["kill", "-TERM", str(broker.process.pid)], check=True)
            assert is_closed(sock)
            assert broker.process.wait(60) == 0
    finally:
        broker.kill()
    log = (tmp_path / "log").read_text()
    assert "listening" in log
    assert "stopped" in log
    assert "Traceback" not in log
    assert "never retrieved" not in log
