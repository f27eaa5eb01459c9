"""What was said of the goods before a waybill was issued stands on it, whichever it is."""

import io
from typing import Any
from uuid import uuid4

from PIL import Image, ImageDraw
from pypdf import PdfReader

from tests.integration.execution.world import AT_DELIVERY, ExecutionWorld
from tests.integration.waybills.test_waybills import WAYBILLS, loaded, pdf
from tests.support.api import Person

DETAILS = {"weight_kg": 19_840, "packages": 398, "seals": ["SN-1"], "reserves": {"text": "Bâche usée"}}


def test_reserves_made_before_the_loading_stand_on_it(world: ExecutionWorld) -> None:
    order = world.assigned()
    early = world.action(order, "reserve", 20, stage="pickup", text="Palette humide", packages_damaged=3)
    assert world.states(order.driver, early, world.action(order, "loading", 60, weight_kg=19_000)) == [
        "applied",
        "applied",
    ]
    (waybill,) = order.carrier.get(f"{order.path}waybills/").json()["items"]
    text = pdf(order.carrier, waybill)
    assert text.count("Palette humide — 3 colis abîmé(s)") == 1


def test_one_issued_anew_says_what_the_void_one_said(world: ExecutionWorld) -> None:
    order, first = loaded(world, **DETAILS)
    reserve = world.action(order, "reserve", 4300, stage="delivery", text="Sacs mouillés")
    assert world.states(order.driver, reserve) == ["applied"]
    second = _anew(world, order, first)
    goods = second["content"]["goods"]
    assert (goods["loaded_weight_kg"], goods["loaded_packages"], goods["seals"]) == (19_840, 398, ["SN-1"])
    assert second["content"]["taking_over"]["at"] == first["content"]["taking_over"]["at"]
    assert second["content"]["reserves"] == "Bâche usée"
    text = pdf(order.carrier, second)
    assert text.count("Sacs mouillés") == 1

    proof = {"receiver_name": "Awa Diop", "position": AT_DELIVERY, "reserves": {"text": "Deux sacs ouverts"}}
    assert order.driver.post(f"{order.path}proof-of-delivery/", proof).status_code == 200
    third = _anew(world, order, second)
    text = pdf(order.shipper, third)
    for told in ("Reçu par Awa Diop", "Deux sacs ouverts", "Sacs mouillés", "Bâche usée"):
        assert text.count(told) == 1, told


def _anew(world: ExecutionWorld, order: Any, waybill: dict[str, Any]) -> dict[str, Any]:
    path = f"{WAYBILLS}{waybill['id']}/void/"
    assert order.carrier.post(path, {"reason": "Erreur de nom"}).status_code == 200
    response = order.carrier.post(f"{order.path}waybills/")
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def test_signatures_are_drawn_where_they_were_given(world: ExecutionWorld) -> None:
    order = world.assigned()
    by_sender, by_consignee, photo = (
        world.upload(order.driver, scrawl(ink)) for ink in ("navy", "black", "red")
    )
    details = {"sender_name": "Ibrahima Sarr", "signature": by_sender, "photos": [photo]}
    confirmed = order.driver.post(f"{order.path}confirm-loading/", details)
    assert confirmed.status_code == 200, confirmed.text
    (waybill,) = order.carrier.get(f"{order.path}waybills/").json()["items"]
    text, images = drawn(order.shipper, waybill)
    assert "Remis par Ibrahima Sarr" in text
    assert len(images) == 1, "photos are no signatures"
    tag = order.shipper.get(f"{WAYBILLS}{waybill['id']}/pdf/").headers["etag"]

    proof = {"receiver_name": "Awa Diop", "position": AT_DELIVERY, "signature": by_consignee}
    assert order.driver.post(f"{order.path}proof-of-delivery/", proof).status_code == 200
    for party in (order.shipper, order.carrier, order.driver):
        text, images = drawn(party, waybill)
        assert "Reçu par Awa Diop" in text
        assert len(images) == 2
    assert order.shipper.get(f"{WAYBILLS}{waybill['id']}/pdf/").headers["etag"] != tag
    second = _anew(world, order, waybill)
    assert len(drawn(order.shipper, second)[1]) == 2
    roles = [
        (each["kind"], file["role"])
        for each in order.shipper.get(f"{order.path}statements/").json()["items"]
        for file in each["files"]
    ]
    assert sorted(roles) == [("loading", "photo"), ("loading", "signature"), ("proof", "signature")]


def test_a_signature_taken_offline_is_drawn_once_it_is_there(world: ExecutionWorld) -> None:
    order = world.assigned()
    content = scrawl("black")
    loading = world.action(order, "loading", 60, signature=str(uuid4()), sender_name="Ibrahima Sarr")
    assert world.states(order.driver, loading) == ["waiting_for_file"]
    file_id = world.upload(order.driver, content)
    loading = world.action(order, "loading", 61, signature=file_id, sender_name="Ibrahima Sarr")
    assert world.states(order.driver, loading) == ["applied"]
    (waybill,) = order.carrier.get(f"{order.path}waybills/").json()["items"]
    _, images = drawn(order.carrier, waybill)
    assert len(images) == 1
    # What the disk has lost is told of, and the paper is printed all the same.
    world.sql("UPDATE files SET sha256 = repeat('0', 64) WHERE id = %s", file_id)
    text, images = drawn(order.carrier, waybill)
    assert images == []
    assert "Signature conservée au dossier" in text


def drawn(who: Person, waybill: dict[str, Any]) -> tuple[str, list[Any]]:
    """Words and pictures of the one page."""
    response = who.get(f"{WAYBILLS}{waybill['id']}/pdf/")
    assert response.status_code == 200, response.text
    (page,) = PdfReader(io.BytesIO(response.content)).pages
    return " ".join(page.extract_text().split()), list(page.images)


def scrawl(ink: str) -> bytes:
    image = Image.new("RGBA", (400, 160), (0, 0, 0, 0))
    ImageDraw.Draw(image).line([(30, 120), (150, 30), (220, 130), (370, 40)], fill=ink, width=6)
    made = io.BytesIO()
    image.save(made, "PNG")
    return made.getvalue()
