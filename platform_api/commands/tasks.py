"""Background work of commands: the edge between the queue in the database and the MQTT broker. Running one twice is harmless."""

from contextlib import ExitStack

from brokers.client import Downlink, DownlinkError
from config import clock
from config.celery_app import celery_app
from config.database import transaction
from config.logging import get_logger
from config.settings import get_settings
from platform_api.commands import adapting, answers, delivery, repository
from platform_api.commands.delivery import Outcome, Outgoing
from platform_api.errors import PlatformError

log = get_logger(__name__)

SWEEP_LIMIT = 500


class _Broker:
    """A connection that is made when the first message goes out, and not again once it failed."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._link: Downlink | None = None
        self._failed = False

    def take(self, outgoing: Outgoing) -> Outcome:
        if self._failed:
            return "broker_away"
        try:
            if self._link is None:
                self._link = self._stack.enter_context(Downlink(get_settings()))
            taken = self._link.publish(outgoing.topic, outgoing.payload, outgoing.qos)
        except DownlinkError as error:
            self._failed = True
            log.warning("command not handed over", command_id=str(outgoing.command_id), code=error.code)
            return "broker_away"
        return "taken" if taken else "not_subscribed"


@celery_app.task(name="commands.deliver")
def deliver(device_ids: list[int]) -> int:
    """Hand the due commands of these devices to the broker; how many it took."""
    return _deliver(device_ids)


def _deliver(device_ids: list[int]) -> int:
    with transaction() as session:
        found = repository.with_open_commands(session, device_ids)
    with ExitStack() as stack:
        broker = _Broker(stack)
        return sum(_deliver_to(device_id, broker) for device_id in found)


@celery_app.task(name="commands.on_results")
def on_results(device_ids: list[int]) -> None:
    """Give what these devices answered to their commands. An answer may make room for the next command."""
    for device_id in device_ids:
        _handle_results(device_id)
    _deliver(device_ids)


@celery_app.task(name="commands.sweep")
def sweep() -> int:
    """Do what a lost task left, and what only time brings: repeats, expiry, a vehicle that has come to a stand."""
    with transaction() as session:
        found = repository.needy_devices(session, clock.now(), SWEEP_LIMIT)
    for device_id in found:
        _handle_results(device_id)
    return _deliver(found)


@celery_app.task(name="commands.adapt")
def adapt() -> int:
    """Tell devices how often to report, where that is switched on; how many were told something new."""
    with transaction() as session:
        changes = adapting.plan_changes(session, clock.now())
    count = 0
    for change in changes:
        try:
            with transaction() as session:
                adapting.tell_change(session, change, clock.now())
            count += 1
        except PlatformError as error:
            # Disabled meanwhile, or heard of in another format: the next look will see it.
            log.info("interval not told", device_id=change.device_id, code=error.code)
        except Exception:
            log.exception("interval not told", device_id=change.device_id)
    return count


def _handle_results(device_id: int) -> None:
    """One that fails is left to the sweep, and does not stop the others."""
    try:
        with transaction() as session:
            answers.handle_results(session, device_id, clock.now())
    except Exception:
        log.exception("answers not handled", device_id=device_id)


def _deliver_to(device_id: int, broker: _Broker) -> int:
    try:
        with transaction() as session:
            claimed = delivery.claim_commands(session, device_id, clock.now())
        # After the commit: should the task die here, the claim lapses and the command is sent again.
        count = 0
        for outgoing in claimed:
            outcome = broker.take(outgoing)
            with transaction() as session:
                delivery.confirm_outgoing(session, outgoing, outcome, clock.now())
            count += outcome == "taken"
    except Exception:
        log.exception("commands not delivered", device_id=device_id)
        return 0
    return count
