"""Papers of an order: for its parties, taken away by who brought them, kept once the order is over."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import Client

from tests.integration.orders.world import Assigned, World
from tests.support.api import Person, api_on, code_of

pytestmark = pytest.mark.integration

PDF = b"%PDF-1.4\n%%EOF"


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("files")
    with api_on(database_url, redis_url, files_dir=str(folder)) as client:
        yield client


def upload(someone: Person) -> str:
    answer = someone.client.post("/api/v1/files/", content=PDF, headers=someone.headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def bring(someone: Person, path: str, kind: str = "delivery_note") -> Any:
    return someone.post(f"{path}documents/", {"file_id": upload(someone), "kind": kind, "name": "BL 12"})


def kinds(someone: Person, path: str) -> list[str]:
    return [each["kind"] for each in someone.get(f"{path}documents/").json()["items"]]


def test_parties_read_and_bidders_do_not(world: World) -> None:
    order = world.assigned()
    assert bring(order.shipper, order.path, "release_note").status_code == 201
    made = bring(order.driver, order.path)
    assert (made.status_code, made.json()["name"]) == (201, "BL 12")
    content = f"{order.path}documents/{made.json()['id']}/content/"
    for someone in (order.shipper, order.carrier, order.driver):
        assert kinds(someone, order.path) == ["delivery_note", "release_note"]
        assert someone.get(content).content == PDF
    path = world.posted()
    shown = bring(world.shipper, path).json()
    world.bid(path, world.carrier, world.vehicle_id)
    for bidder in (world.carrier, world.fleet()[0]):
        assert code_of(bidder.get(f"{path}documents/")) == (403, "parties_only")
        assert code_of(bidder.get(f"{path}documents/{shown['id']}/content/")) == (403, "parties_only")
        assert code_of(bring(bidder, path)) == (403, "parties_only")
    assert code_of(world.fleet()[0].get(f"{order.path}documents/")) == (404, "order_not_found")
    # an id of another order
    assert code_of(world.shipper.get(f"{path}documents/{made.json()['id']}/content/")) == (
        404, "order_document_not_found",
    )  # fmt: skip


def test_taken_away_by_who_brought_it_until_the_order_is_over(world: World) -> None:
    order = world.assigned()
    paper = f"{order.path}documents/{bring(order.shipper, order.path).json()['id']}/"
    assert code_of(order.carrier.delete(paper)) == (403, "not_your_document")
    assert code_of(order.shipper.delete(paper)) == (204, "")
    assert code_of(order.shipper.get(f"{paper}content/")) == (404, "order_document_not_found")
    assert kinds(order.shipper, order.path) == []
    kept = f"{order.path}documents/{bring(order.shipper, order.path).json()['id']}/"
    close(world, order)
    assert code_of(order.shipper.delete(kept)) == (409, "order_closed")
    assert code_of(bring(order.shipper, order.path)) == (409, "order_closed")


def close(world: World, order: Assigned) -> None:
    world.sql("UPDATE orders SET status = 'COMPLETED' WHERE id = %s", order.id)


def test_papers_of_a_carrier_that_gave_the_order_back_are_not_the_next_ones(world: World) -> None:
    order = world.assigned()
    bring(order.carrier, order.path, "insurance")
    order.carrier.post(f"{order.path}withdraw/", {"reason_code": "breakdown"})
    carrier, _, vehicle_id = world.fleet()
    bid_id = world.bid(order.path, carrier, vehicle_id)
    order.shipper.post(f"{order.path}accept-bid/", {"bid_id": bid_id})
    assert kinds(carrier, order.path) == []
    assert kinds(order.shipper, order.path) == ["insurance"]
    assert code_of(order.carrier.get(f"{order.path}documents/")) == (403, "parties_only")


def test_a_file_of_another_is_not_found(world: World) -> None:
    order = world.assigned()
    body = {"file_id": upload(order.shipper), "kind": "photo"}
    assert code_of(order.carrier.post(f"{order.path}documents/", body)) == (404, "file_not_found")
