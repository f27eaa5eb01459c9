"""A member watches his business's order live; once removed he sees nothing more within a bounded time."""

import pytest
from httpx import Client

from config.database import transaction
from platform_api.actor import Role
from platform_api.organisations.models import OrganisationMember
from platform_api.tracking import live_socket
from tests.integration.tracking import world
from tests.integration.tracking.viewer import receive, rest, token_of, watching
from tests.support.api import Person, person
from tests.support.people import colleague


def remove(member: Person) -> None:
    with transaction() as session:
        session.delete(session.get_one(OrganisationMember, member.id))


def test_a_removed_colleague_loses_the_live_view_at_the_next_look(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_socket, "RECHECK_S", 0.1)
    shipper = person(api, Role.SHIPPER)
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck)
    member = colleague(shipper)
    with watching(api, order_id, token_of(member)) as socket:
        assert receive(socket)["type"] == "snapshot"
        world.announce(truck.vehicle_id, world.live_ping(truck.vehicle_id, speed_kmh=33.0))
        assert receive(socket)["speed_kmh"] == 33.0
        remove(member)
        _, code, reason = rest(socket)
        assert (code, reason) == (4404, "order_not_found")
    with watching(api, order_id, token_of(member)) as socket:
        assert rest(socket)[1:] == (4404, "order_not_found")


def test_news_of_the_order_is_no_news_to_a_removed_colleague(api: Client) -> None:
    """The order is looked up before the message goes out, however long the next look is away."""
    shipper = person(api, Role.SHIPPER)
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck)
    member = colleague(shipper)
    with watching(api, order_id, token_of(member)) as socket:
        assert receive(socket)["type"] == "snapshot"
        remove(member)
        world.announce_order(order_id, "DELIVERED")
        messages, code, _ = rest(socket)
        assert code == 4404
        assert [message["type"] for message in messages if message["type"] != "error"] == []
