"""A tracker finds its vehicle by the code on its label."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.errors import Conflict, NotFound, PlatformError
from platform_api.fleet import service as fleet
from platform_api.fleet.models import Device
from platform_api.fleet.rules import DeviceKind
from platform_api.pairing import codes
from platform_api.pairing.models import PairingCode
from platform_api.throttle import service as throttle
from platform_api.throttle.rules import Limit

# Wrong codes alone count: who fits a whole fleet is not stopped. Many phones share one address of an operator.
PAIR_USER = Limit("pair-user", 10, timedelta(hours=1))
PAIR_NETWORK = Limit("pair-network", 60, timedelta(hours=1))


def make_code(session: Session, actor: Actor, uid: str, *, now: datetime) -> str:
    """A new code for the label of a tracker, shown this once; the one before it is dead.

    For its carrier and for administrators. Raises NotFound `device_not_found`, Conflict `not_a_tracker`.
    """
    device = fleet.lock_device(session, actor, uid)
    codes.check_pairable(DeviceKind(device.kind))
    code = codes.new_code(secrets.randbelow)
    row = {"code_hmac": _hash(code), "made_by": actor.user_id, "made_at": now}
    session.execute(
        insert(PairingCode)
        .values(device_id=device.id, **row)
        .on_conflict_do_update(index_elements=["device_id"], set_=row)
    )
    return code


def pair(
    session: Session, actor: Actor, *, typed: str, vehicle_id: int, network: str, now: datetime
) -> Device | PlatformError:
    """Put the tracker with this code into a vehicle from now on, and spend the code. From stock it becomes the carrier's.

    An unknown code is given back as the NotFound `pairing_code_unknown`, for the edge to answer and still commit:
    the try has been counted. Raises Invalid `invalid_pairing_code`, TooMany `too_many_requests`, NotFound
    `vehicle_not_found`, Conflict `device_disabled`.
    """
    code = codes.normalise(typed)
    tries = ((PAIR_USER, str(actor.user_id)), (PAIR_NETWORK, network))
    # Holds these rows until the commit: the next try of the same user waits for this one.
    throttle.spend(session, tries, now=now)
    vehicle = fleet.get_vehicle(session, actor, vehicle_id)
    device = _spend(session, actor, _hash(code))
    if device is None:
        return NotFound("pairing_code_unknown", "No tracker waits with this code.")
    for limit, whom in tries:
        throttle.give_back(session, limit, whom)
    if device.disabled:
        raise Conflict("device_disabled", "This device is disabled.")
    device.carrier_id = actor.carrier_id
    session.flush()
    # What it sent in stock is nothing of this vehicle: the assignment has a beginning.
    fleet.assign_device(
        session,
        actor,
        device.uid,
        vehicle_id=vehicle.id,
        valid_from=now,
        valid_to=None,
        end_current=True,
        now=now,
    )
    return fleet.get_device(session, actor, device.uid)


def _spend(session: Session, actor: Actor, code_hmac: str) -> Device | None:
    """The locked tracker whose code this was, if the actor may have it: from stock, or his own.

    Of two at once the second waits for the device and then finds no code.
    """
    device = session.scalar(
        select(Device)
        .join(PairingCode, PairingCode.device_id == Device.id)
        .where(PairingCode.code_hmac == code_hmac)
        .with_for_update(of=Device)
        .execution_options(populate_existing=True)
    )
    if device is None or device.carrier_id not in (None, actor.carrier_id):
        return None
    spent = delete(PairingCode).where(PairingCode.device_id == device.id, PairingCode.code_hmac == code_hmac)
    return device if session.scalar(spent.returning(PairingCode.device_id)) is not None else None


def _hash(code: str) -> str:
    return codes.hash_code(get_settings().jwt_secret.get_secret_value(), code)
