"""Sign in, and who somebody is. Registering, codes, passwords and sessions have modules of their own."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.accounts import limits, passwords, repository, rules, sessions, tokens
from platform_api.accounts.models import User
from platform_api.accounts.sessions import Origin, SignedIn
from platform_api.actor import NOBODY, Actor, MemberRole, Role
from platform_api.errors import Forbidden, PlatformError, Unauthorised
from platform_api.throttle import service as throttle
from platform_api.throttle.rules import Limit, network_of


def create_superuser(session: Session, *, phone: str, name: str, password: str) -> User:
    """An administrator who may do everything; for the command line, so his phone is not asked for a code.

    A taken phone number ends in the unique constraint: Conflict `phone_taken`.
    """
    user = User(
        phone=rules.normalise_phone(phone),
        name=name,
        role=Role.ADMINISTRATOR.value,
        password_hash=passwords.hash_password(password),
        is_superuser=True,
    )
    session.add(user)
    session.flush()  # the answer shows the id and time that the database gives
    return user


def limits_of_login(session: Session, phone: str, network: str, *, now: datetime) -> list[tuple[Limit, str]]:
    """What a try costs besides the lock of this number for this network.

    Where its owner is signed in nothing: whoever spends the number's tries from elsewhere does not shut him out there.
    """
    known = any(network_of(address) == network for address in repository.addresses_of(session, phone, now))
    return [] if known else [(limits.LOGIN_PHONE, phone)]


def login(
    session: Session,
    *,
    phone: str,
    password: str,
    network: str,
    spent: Sequence[tuple[Limit, str]],
    origin: Origin,
    now: datetime,
) -> SignedIn | PlatformError:
    """`phone` is E.164; the edge has counted this try as a failure and `spent` limits, which is taken back when it was right.

    A refusal is returned, so that this is kept. `wrong_credentials` is the same for an unknown phone and a
    wrong password; `account_disabled` is told to who knows the password, `phone_not_verified` to who knows
    that of a registration.
    """
    user = repository.find_by_phone(session, phone)
    pending = repository.registration_of(session, phone)
    if not passwords.proves(session, user, password) or user is None:
        # Looked at also where there is an account: else whoever registers a number learns here whether it has one.
        # It stays a failure, or he could have his guesses at that account forgiven.
        if passwords.matches(None if pending is None else pending.password_hash, password):
            return Forbidden("phone_not_verified", "Type the code that was texted to you, or register again.")
        return Unauthorised("wrong_credentials", "Phone number or password is wrong.")
    throttle.forgive(session, "login", phone, network)
    for limit, whom in spent:
        throttle.give_back(session, limit, whom)
    if user.disabled:
        return Unauthorised("account_disabled", "This account is disabled.")
    passwords.renew_hash(user, password)
    return sessions.start(session, user, origin, now=now)


def authenticate(session: Session, access_token: str, *, now: datetime) -> Actor:
    """Who holds this access token and for whom he acts, as the tables say now: disabling, removing and signing out work at once.

    Raises Unauthorised `invalid_token`, `token_expired`, `token_revoked` or `account_disabled`.
    """
    secret = get_settings().jwt_secret.get_secret_value()
    claims = tokens.decode_access(access_token, now=now, secret=secret)
    signed = repository.find_signed(session, claims.user_id, claims.session_id)
    actor = _actor_of(signed)
    if signed is None or signed.session_id is None:
        raise Unauthorised("invalid_token", "This token is not valid.")
    if signed.session_revoked_at is not None:
        raise Unauthorised("token_revoked", "This token was revoked. Sign in again.")
    return actor


def actor_of_user(session: Session, user_id: UUID) -> Actor:
    """Raises Unauthorised `invalid_token` for nobody, `account_disabled`."""
    return _actor_of(repository.find_signed(session, user_id))


def _actor_of(signed: repository.Signed | None) -> Actor:
    if signed is None:
        raise Unauthorised("invalid_token", "This token is not valid.")
    user = signed.user
    member_role = MemberRole(signed.member_role or MemberRole.OWNER)
    former = member_role is MemberRole.FORMER
    # A business that is shut out is shut out with everybody who acts for it.
    rules.check_enabled(disabled=user.disabled or (bool(signed.owner_disabled) and not former))
    return rules.actor_of(
        user_id=user.id,
        role=Role(user.role),
        is_superuser=user.is_superuser,
        carrier_id=user.carrier_id,
        acts_for=NOBODY if former else signed.owner_id,
        member_role=member_role,
        session_id=signed.session_id,
    )


def drop_expired(session: Session, *, now: datetime) -> int:
    """Rows deleted: tokens, sessions, registrations and codes whose time is over."""
    return repository.drop_expired(session, now)
