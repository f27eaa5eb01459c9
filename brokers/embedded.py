"""The embedded MQTT broker: `python -m brokers.embedded`. For demos, tests and small fleets; memory only."""

import asyncio
import signal
from typing import Final

from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType

from brokers.embedded_broker import EmbeddedBroker
from config.logging import configure_logging, get_logger
from config.settings import Settings, get_settings

PLUGINS: Final = "brokers.embedded_plugins"

log = get_logger(__name__)


def broker_config(settings: Settings) -> BrokerConfig:
    """amqtt's configuration: one TCP listener, our two plugins and none of its own."""
    return BrokerConfig(
        listeners={
            "default": ListenerConfig(
                type=ListenerType.TCP, bind=f"{settings.mqtt_host}:{settings.mqtt_port}"
            )
        },
        plugins={
            f"{PLUGINS}.CredentialPlugin": {
                "database_url": settings.database_url,
                "service_password": settings.mqtt_service_password.get_secret_value(),
                "signing_key": settings.jwt_secret.get_secret_value(),
            },
            f"{PLUGINS}.AclPlugin": {},
        },
    )


async def serve(settings: Settings) -> None:
    """Run the broker until SIGTERM or SIGINT, or until cancelled; raises `amqtt.errors.BrokerError`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    broker = EmbeddedBroker(broker_config(settings))
    await broker.start()
    log.info("listening", host=settings.mqtt_host, port=settings.mqtt_port)
    try:
        await stop.wait()
    finally:
        await broker.shutdown()
        log.info("stopped")


def main() -> None:
    settings = get_settings()
    configure_logging(settings)
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
