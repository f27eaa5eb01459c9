"""Two at once: of those who answer, revoke and join exactly one wins."""

from datetime import UTC, datetime
from uuid import UUID

from httpx import Client
from sqlalchemy import delete

from config.database import transaction
from platform_api.actor import Role
from platform_api.organisations import repository, service
from platform_api.organisations.models import Invitation
from platform_api.organisations.rules import JoinsAs
from tests.support.api import Person, person
from tests.support.people import actor
from tests.support.races import race

ROUNDS = 100


def invited(owner: Person, phone: str, joins_as: JoinsAs = JoinsAs.MEMBER) -> UUID:
    with transaction() as session:
        now = datetime.now(UTC)
        return service.invite(session, actor(owner), phone=phone, joins_as=joins_as, now=now).row.id


def test_one_answer_of_two(client: Client) -> None:
    owner = person(client, Role.SHIPPER)
    for _ in range(ROUNDS):
        joiner = person(client, Role.SHIPPER)
        key = _fresh(owner, joiner)
        act = lambda s, now, key=key, joiner=joiner: service.accept(s, actor(joiner), key, now)  # noqa: E731
        assert sorted(race(act, act)) == ["invitation_closed", "ok"]
        _leave(joiner)


def test_an_answer_against_a_revocation(client: Client) -> None:
    owner = person(client, Role.SHIPPER)
    for _ in range(ROUNDS):
        joiner = person(client, Role.SHIPPER)
        key = _fresh(owner, joiner)
        outcome = race(
            lambda s, now, key=key, joiner=joiner: service.accept(s, actor(joiner), key, now),
            lambda s, now, key=key: service.revoke(s, actor(owner), key, now),
        )
        assert sorted(outcome) == ["invitation_closed", "ok"]
        with transaction() as session:
            member = repository.membership(session, joiner.id) is not None
            state = session.get_one(Invitation, key).state
        assert (member, state) == ((True, "accepted") if outcome[0] == "ok" else (False, "revoked"))
        _leave(joiner)


def test_one_organisation_of_two(client: Client) -> None:
    owners = [person(client, Role.SHIPPER) for _ in range(2)]
    for _ in range(ROUNDS):
        joiner = person(client, Role.SHIPPER)
        first, second = (_fresh(owner, joiner) for owner in owners)
        outcome = race(
            lambda s, now, key=first, joiner=joiner: service.accept(s, actor(joiner), key, now),
            lambda s, now, key=second, joiner=joiner: service.accept(s, actor(joiner), key, now),
        )
        assert sorted(outcome) == ["already_member", "ok"]
        _leave(joiner)


def test_nobody_joins_who_is_being_joined(client: Client) -> None:
    """A goes to B while C comes to A: C would act for a business that nobody runs."""
    top = person(client, Role.SHIPPER)
    for _ in range(ROUNDS):
        middle, last = person(client, Role.SHIPPER), person(client, Role.SHIPPER)
        up, down = _fresh(top, middle), _fresh(middle, last)
        outcome = race(
            lambda s, now, key=up, who=middle: service.accept(s, actor(who), key, now),
            lambda s, now, key=down, who=last: service.accept(s, actor(who), key, now),
        )
        # Either A has a member now and stays, or he has gone and what he sent was revoked.
        assert outcome in (["own_business_open", "ok"], ["ok", "invitation_closed"])
        _leave(middle)


def test_one_carrier_gets_the_driver(client: Client) -> None:
    carriers = [person(client, Role.CARRIER) for _ in range(2)]
    for _ in range(ROUNDS):
        driver = person(client, Role.DRIVER)
        first, second = (_fresh(carrier, driver, JoinsAs.DRIVER) for carrier in carriers)
        outcome = race(
            lambda s, now, key=first, who=driver: service.accept(s, actor(who), key, now),
            lambda s, now, key=second, who=driver: service.accept(s, actor(who), key, now),
        )
        assert sorted(outcome) == ["driver_taken", "ok"]


def test_one_invitation_of_two(client: Client) -> None:
    for _ in range(ROUNDS):
        owner, other = person(client, Role.SHIPPER), person(client, Role.SHIPPER)
        act = lambda s, now, owner=owner, phone=other.phone: service.invite(  # noqa: E731
            s, actor(owner), phone=phone, joins_as=JoinsAs.MEMBER, now=now
        )
        assert sorted(race(act, act)) == ["invitation_open", "ok"]


def _fresh(owner: Person, joiner: Person, joins_as: JoinsAs = JoinsAs.MEMBER) -> UUID:
    """The only one of its owner: how many he may send is not what is tried here."""
    with transaction() as session:
        session.execute(delete(Invitation).where(Invitation.owner_id == owner.id))
    return invited(owner, joiner.phone, joins_as)


def _leave(member: Person) -> None:
    with transaction() as session:
        row = repository.membership(session, member.id)
        if row is not None:
            session.delete(row)
