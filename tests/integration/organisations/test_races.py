"""Two at once: of those who answer, revoke and join exactly one wins."""

from datetime import UTC, datetime
from uuid import UUID

from httpx import Client
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from config.database import transaction
from platform_api.accounts.service import actor_of_user
from platform_api.actor import MemberRole, Role
from platform_api.organisations import repository, service
from platform_api.organisations.models import Invitation, OrganisationMember
from platform_api.organisations.rules import JoinsAs
from platform_api.ownership import service as ownership
from tests.support.api import Person, person
from tests.support.people import actor, colleague
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


def _named(role: Role, client: Client) -> tuple[Person, Person]:
    owner = person(client, role)
    assert owner.patch("/api/v1/auth/me/", {"company_name": "Teranga"}).status_code == 200
    return owner, colleague(owner)


def _owner_now(business: Person) -> list[UUID]:
    """Everybody whom the platform takes for its owner."""
    with transaction() as session:
        people = [business.id, *(row.user_id for row in _members(session, business))]
        actors = [actor_of_user(session, user_id) for user_id in dict.fromkeys(people)]
        of_it = [one for one in actors if one.party_id == business.id]
        return [one.user_id for one in of_it if one.member_role is MemberRole.OWNER]


def _members(session: Session, business: Person) -> list[OrganisationMember]:
    members = select(OrganisationMember).where(OrganisationMember.owner_id == business.id)
    return list(session.scalars(members))


def test_one_owner_whoever_answers_first(client: Client) -> None:
    """An acceptance against a withdrawal, a removal, the leaving of who accepts, and itself."""
    for number in range(ROUNDS):
        owner, member = _named(Role.SHIPPER, client)
        with transaction() as session:
            now = datetime.now(UTC)
            key = ownership.offer(session, actor(owner), member.id, now=now).row.id
        he = actor(member, owner=owner, role=MemberRole.MEMBER)
        against = (
            lambda s, now, o=owner, k=key: ownership.withdraw(s, actor(o), k, now=now),
            lambda s, now, o=owner, m=member: service.remove_member(s, actor(o), m.id, now),
            lambda s, now, he=he: service.leave(s, he, now),
            lambda s, now, he=he, k=key: ownership.accept(s, he, k, now=now),
        )[number % 4]
        outcome = race(lambda s, now, he=he, k=key: ownership.accept(s, he, k, now=now), against)
        assert outcome.count("ok") == 1, outcome
        took = outcome[0] == "ok" or number % 4 == 3
        assert _owner_now(owner) == [member.id if took else owner.id], outcome


def test_one_offer_of_two(client: Client) -> None:
    for _ in range(ROUNDS // 4):
        owner, member = _named(Role.SHIPPER, client)
        other = colleague(owner)
        outcome = race(
            *(
                lambda s, now, o=owner, m=one: ownership.offer(s, actor(o), m.id, now=now)
                for one in (member, other)
            )
        )
        assert sorted(outcome) == ["handover_open", "ok"]
