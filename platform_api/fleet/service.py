"""What a carrier does with its vehicles, drivers and devices."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from brokers import credentials
from brokers.topics import DeviceIdError, check_device_uid
from config.celery_app import queue_after_commit
from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.errors import Conflict, Invalid, NotFound
from platform_api.fleet import repository, rules
from platform_api.fleet.models import Device, DeviceAssignment, Vehicle


@dataclass(frozen=True, slots=True)
class DeviceSecret:
    """`secret` is the MQTT password; only its hash is kept, so this is the one time it is seen."""

    device: Device
    secret: str


@dataclass(frozen=True, slots=True)
class DeviceToken:
    device: Device
    token: str
    expires_at: datetime


def end_revoked_after_commit(session: Session) -> None:
    """Whose password is no longer good is disconnected. Triggers say who; the beat finds what is not queued."""
    queue_after_commit(session, "fleet.end_revoked")


def get_vehicle(session: Session, actor: Actor, vehicle_id: int, *, lock: bool = False) -> Vehicle:
    """Raises NotFound `vehicle_not_found`, also for a vehicle of another carrier."""
    vehicle = repository.find_vehicle(session, actor, vehicle_id, lock=lock)
    if vehicle is None:
        raise NotFound("vehicle_not_found", "There is no such vehicle.")
    return vehicle


def check_own_driver(session: Session, actor: Actor, driver_id: UUID | None) -> None:
    """None is fine. Raises NotFound `driver_not_found`."""
    # Locked: the driver must not leave the carrier between this check and the commit.
    if (
        driver_id is not None
        and repository.find_driver(session, actor.carrier_id, driver_id, lock=True) is None
    ):
        raise NotFound("driver_not_found", "You have no such driver.")


def detach_driver(session: Session, actor: Actor, driver_id: UUID) -> None:
    """End a driver's work for his carrier; his vehicles and phones are without a driver then, the phones disabled."""
    rules.check_leaves(actor, driver_id)
    driver = repository.find_driver(session, actor.carrier_id, driver_id, lock=True)
    if driver is None or driver.carrier_id is None:
        raise NotFound("driver_not_found", "There is no such driver.")
    driver.carrier_id = None
    repository.forget_driver(session, driver_id)
    end_revoked_after_commit(session)


def register_device(
    session: Session,
    actor: Actor,
    *,
    uid: str,
    kind: rules.DeviceKind,
    priority: int | None = None,
    driver_id: UUID | None,
    vehicle_id: int | None,
    now: datetime,
) -> DeviceSecret:
    """Create a device with its MQTT account (user name = client id = uid). A taken uid: `device_uid_taken`.

    Without `priority` it has that of its kind. Of an administrator it is in stock: a tracker of nobody's, until a carrier pairs it.
    """
    try:
        check_device_uid(uid)
    except DeviceIdError as error:
        raise Invalid(error.code, error.detail) from error
    if driver_id is not None and kind is not rules.DeviceKind.PHONE:
        raise Conflict("not_a_phone", "Only a phone belongs to a driver; others belong to vehicles.")
    if vehicle_id is not None or priority is not None:
        rules.check_source(kind)
    if actor.carrier_id is None:
        rules.check_stock(kind, in_use=driver_id is not None or vehicle_id is not None)
    check_own_driver(session, actor, driver_id)
    device = Device(
        uid=uid,
        kind=kind.value,
        priority=rules.DEFAULT_PRIORITIES[kind] if priority is None else priority,
        carrier_id=actor.carrier_id,
        user_id=driver_id,
    )
    session.add(device)
    session.flush()  # credentials and assignments need its id
    secret = _open_account(session, device)
    if vehicle_id is not None:
        vehicle = get_vehicle(session, actor, vehicle_id)
        _assign_locked(session, device, vehicle, valid_from=None, valid_to=None, end_current=False, now=now)
    return DeviceSecret(device, secret)


def _open_account(session: Session, device: Device) -> str:
    """The secret of a new MQTT account."""
    secret = credentials.issue_secret()
    try:
        credentials.store_credential(
            repository.driver_connection(session),
            username=device.uid,
            client_id=device.uid,
            secret=secret,
            device_id=device.id,
        )
    except credentials.CredentialError as error:
        raise Conflict(error.code, error.detail) from error
    return secret


def get_device(session: Session, actor: Actor, uid: str) -> Device:
    """With its assignments. Raises NotFound `device_not_found`, also for a device of another carrier."""
    device = repository.find_device(session, actor, uid)
    if device is None:
        raise NotFound("device_not_found", "There is no such device.")
    return device


def lock_device(session: Session, actor: Actor, uid: str) -> Device:
    """For whoever changes it. Raises NotFound `device_not_found`."""
    device = repository.lock_device(session, actor, uid)
    if device is None:
        raise NotFound("device_not_found", "There is no such device.")
    return device


def change_priority(session: Session, actor: Actor, uid: str, *, priority: int, now: datetime) -> None:
    """Which source counts on its vehicles is decided anew from now on. Again is harmless.

    Older positions are judged by the new one when they are folded again for another reason.
    """
    device = lock_device(session, actor, uid)
    rules.check_source(rules.DeviceKind(device.kind))
    if device.priority == priority:
        return
    device.priority = priority
    spans = [_span(row) for row in repository.assignments_of(session, device.id)]
    repository.mark_dirty(session, rules.vehicles_from(spans, now), from_time=now, reason="priority")


def assign_device(
    session: Session,
    actor: Actor,
    uid: str,
    *,
    vehicle_id: int,
    valid_from: datetime | None,
    valid_to: datetime | None,
    end_current: bool,
    now: datetime,
) -> None:
    """Put a device into a vehicle for a time; the past is folded again with what is now known.

    With `end_current` the open assignment ends where this one begins: a move.
    """
    device = lock_device(session, actor, uid)
    rules.check_source(rules.DeviceKind(device.kind))
    vehicle = get_vehicle(session, actor, vehicle_id)
    _assign_locked(
        session, device, vehicle, valid_from=valid_from, valid_to=valid_to, end_current=end_current, now=now
    )


def _assign_locked(
    session: Session,
    device: Device,
    vehicle: Vehicle,
    *,
    valid_from: datetime | None,
    valid_to: datetime | None,
    end_current: bool,
    now: datetime,
) -> None:
    rows = {row.id: row for row in repository.assignments_of(session, device.id)}
    plan = rules.plan_assignment(
        [_span(row) for row in rows.values()],
        vehicle.id,
        valid_from=valid_from,
        valid_to=valid_to,
        end_current=end_current,
        now=now,
    )
    if plan.already is not None:
        return
    touched = {vehicle.id}
    if plan.ends is not None:
        rows[plan.ends.id].valid_to = plan.start
        touched.add(plan.ends.vehicle_id)
        session.flush()  # one open assignment per device: the old one ends before the new one begins
    session.add(
        DeviceAssignment(device_id=device.id, vehicle_id=vehicle.id, valid_from=plan.start, valid_to=plan.end)
    )
    repository.mark_dirty(session, sorted(touched), from_time=plan.start, reason="assignment")


def unassign_device(session: Session, actor: Actor, uid: str, *, valid_to: datetime) -> None:
    """Take a device out of its vehicle at `valid_to` (event time)."""
    device = lock_device(session, actor, uid)
    rows = {row.id: row for row in repository.assignments_of(session, device.id)}
    span = rules.plan_unassignment([_span(row) for row in rows.values()], valid_to)
    rows[span.id].valid_to = valid_to
    repository.mark_dirty(session, [span.vehicle_id], from_time=valid_to, reason="assignment")


def _span(row: DeviceAssignment) -> rules.Span:
    return rules.Span(id=row.id, vehicle_id=row.vehicle_id, start=row.valid_from, end=row.valid_to)


def rotate_secret(session: Session, actor: Actor, uid: str) -> DeviceSecret:
    """A new secret; the old one stops working and its connection is ended. A disabled device stays disabled."""
    device = lock_device(session, actor, uid)
    connection = repository.driver_connection(session)
    end_revoked_after_commit(session)
    return DeviceSecret(device, credentials.rotate(connection, username=device.uid, client_id=device.uid))


def disable_device(session: Session, actor: Actor, uid: str) -> None:
    """Lost or stolen: it is disconnected and stays out, and ingest refuses what it sends. Again is harmless."""
    device = lock_device(session, actor, uid)
    device.disabled = True
    credentials.disable(repository.driver_connection(session), username=device.uid, client_id=device.uid)
    end_revoked_after_commit(session)


def enable_device(session: Session, actor: Actor, uid: str) -> DeviceSecret:
    """Found again. The secret is a new one: nobody knows where the old one has been."""
    device = lock_device(session, actor, uid)
    device.disabled = False
    end_revoked_after_commit(session)
    repository.enable_credentials(session, device.id)
    connection = repository.driver_connection(session)
    return DeviceSecret(device, credentials.rotate(connection, username=device.uid, client_id=device.uid))


def issue_phone_token(session: Session, actor: Actor, uid: str, *, now: datetime) -> DeviceToken:
    """The MQTT password of a driver's phone for the next hours; for the driver and his carrier."""
    device = get_device(session, actor, uid)
    rules.check_token(kind=rules.DeviceKind(device.kind), driver_id=device.user_id, disabled=device.disabled)
    settings = get_settings()
    lifetime = timedelta(hours=settings.mqtt_token_hours)
    token = credentials.issue_device_token(
        settings.jwt_secret.get_secret_value(),
        client_id=device.uid,
        username=device.uid,
        now=now,
        lifetime=lifetime,
    )
    return DeviceToken(device, token, (now + lifetime).replace(microsecond=0))
