"""Accounts, organisations, API keys, webhooks, bulk exports."""

from typing import Any

from platform_api.actor import Role
from tests.integration.walk.entries import EVERYBODY, Call, Entry
from tests.integration.walk.world import World
from tests.support.api import PASSWORD, Person, new_phone, person

BUSINESSES = "shipper carrier broker"


def login(w: World) -> dict[str, Any]:
    answer = w.client.post("/api/v1/auth/login/", json={"phone": w.shipper.phone, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


def member(w: World) -> Person:
    """Of the shipper's organisation."""
    someone = person(w.client, Role.SHIPPER)
    invitation_id = invitation(w, someone.phone)
    answer = someone.post(f"/api/v1/invitations/{invitation_id}/accept/")
    assert answer.status_code == 200, answer.text
    w.secrets |= {str(someone.id), someone.phone}
    return someone


def invitation(w: World, phone: str) -> str:
    w.sql("DELETE FROM invitations WHERE owner_id = %s", w.shipper.id)
    body = {"phone": phone, "joins_as": "member"}
    return str(w.made(w.shipper, "/api/v1/organisations/invitations/", body))


def webhook(w: World) -> str:
    w.sql("DELETE FROM webhook_endpoints WHERE party_id = %s", w.shipper.id)
    body = {"url": "https://erp.example.sn/mess", "events": ["order.changed"]}
    return str(w.made(w.shipper, "/api/v1/webhooks/", body))


def delivery(w: World) -> Call:
    webhook_id = webhook(w)
    return Call(
        {"webhook_id": webhook_id, "delivery_id": w.made(w.shipper, f"/api/v1/webhooks/{webhook_id}/test/")}
    )


def api_key(w: World) -> str:
    return str(w.made(w.shipper, "/api/v1/api-keys/", {"name": "ERP", "scopes": ["orders:read"]}))


EXPORT = {"kind": "orders", "from_time": "2026-01-01T00:00:00Z", "until_time": "2026-02-01T00:00:00Z"}


def export(w: World) -> str:
    w.sql("DELETE FROM bulk_exports WHERE party_id = %s", w.shipper.id)
    return str(w.made(w.shipper, "/api/v1/exports/", EXPORT))


ENTRIES = [
    Entry(
        "POST /api/v1/auth/register/",
        lambda w: Call(body={"phone": new_phone(), "name": "A", "role": "shipper", "password": PASSWORD}),
        ok=EVERYBODY,
        public=True,
    ),
    Entry(
        "POST /api/v1/auth/login/",
        lambda w: Call(body={"phone": w.shipper.phone, "password": PASSWORD}),
        ok=EVERYBODY,
        public=True,
    ),
    Entry(
        "POST /api/v1/auth/token/refresh/",
        lambda w: Call(body={"refresh": login(w)["refresh"]}),
        ok=EVERYBODY,
        public=True,
    ),
    Entry(
        "POST /api/v1/auth/logout/",
        lambda w: Call(body={"refresh": login(w)["refresh"]}),
        ok=EVERYBODY,
        public=True,
    ),
    Entry("GET /api/v1/auth/me/", ok=EVERYBODY),
    Entry("GET /api/v1/organisations/mine/", ok=BUSINESSES),
    Entry("GET /api/v1/organisations/members/", ok=BUSINESSES),
    Entry(
        "GET /api/v1/organisations/members/{user_id}/",
        lambda w: Call({"user_id": member(w).id}),
        ok="shipper",
        forbidden="driver administrator",
    ),
    Entry(
        "PATCH /api/v1/organisations/members/{user_id}/",
        lambda w: Call({"user_id": member(w).id}, body={"role": "viewer"}),
        ok="shipper",
        forbidden="driver administrator",
    ),
    Entry(
        "DELETE /api/v1/organisations/members/{user_id}/",
        lambda w: Call({"user_id": member(w).id}),
        ok="shipper",
        forbidden="driver administrator",
    ),
    Entry("POST /api/v1/organisations/leave/", ok=BUSINESSES, also=(409,)),
    Entry(
        "POST /api/v1/organisations/invitations/",
        lambda w: Call(body={"phone": new_phone(), "joins_as": "member"}),
        ok=BUSINESSES,
    ),
    Entry("GET /api/v1/organisations/invitations/", ok=BUSINESSES),
    Entry(
        "POST /api/v1/organisations/invitations/{invitation_id}/revoke/",
        lambda w: Call({"invitation_id": invitation(w, new_phone())}),
        ok="shipper",
    ),
    Entry("GET /api/v1/invitations/", ok=EVERYBODY),
    Entry(
        "POST /api/v1/invitations/{invitation_id}/accept/",
        lambda w: Call({"invitation_id": invitation(w, new_phone())}),
    ),
    Entry(
        "POST /api/v1/invitations/{invitation_id}/decline/",
        lambda w: Call({"invitation_id": invitation(w, new_phone())}),
    ),
    Entry(
        "POST /api/v1/api-keys/",
        lambda w: Call(body={"name": "ERP", "scopes": ["orders:read"]}),
        ok="shipper carrier driver broker",
        also=(409,),
    ),
    Entry("GET /api/v1/api-keys/", ok=EVERYBODY),
    Entry("DELETE /api/v1/api-keys/{key_id}/", lambda w: Call({"key_id": api_key(w)}), ok="shipper"),
    Entry(
        "POST /api/v1/webhooks/",
        lambda w: Call(body={"url": "https://erp.example.sn/mess", "events": ["order.changed"]}),
        ok=EVERYBODY,
    ),
    Entry("GET /api/v1/webhooks/", ok=EVERYBODY),
    Entry("GET /api/v1/webhooks/{webhook_id}/", lambda w: Call({"webhook_id": webhook(w)}), ok="shipper"),
    Entry(
        "PATCH /api/v1/webhooks/{webhook_id}/",
        lambda w: Call({"webhook_id": webhook(w)}, body={"enabled": False}),
        ok="shipper",
    ),
    Entry("DELETE /api/v1/webhooks/{webhook_id}/", lambda w: Call({"webhook_id": webhook(w)}), ok="shipper"),
    Entry(
        "POST /api/v1/webhooks/{webhook_id}/rotate-secret/",
        lambda w: Call({"webhook_id": webhook(w)}),
        ok="shipper",
    ),
    Entry(
        "POST /api/v1/webhooks/{webhook_id}/test/", lambda w: Call({"webhook_id": webhook(w)}), ok="shipper"
    ),
    Entry(
        "GET /api/v1/webhooks/{webhook_id}/deliveries/",
        lambda w: Call({"webhook_id": webhook(w)}),
        ok="shipper",
    ),
    Entry(
        "POST /api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay/",
        delivery,
        ok="shipper",
        also=(409,),
    ),
    Entry("POST /api/v1/exports/", lambda w: Call(body=EXPORT), ok=EVERYBODY, also=(409, 429)),
    Entry("GET /api/v1/exports/", ok=EVERYBODY),
    Entry("GET /api/v1/exports/{export_id}/", lambda w: Call({"export_id": export(w)}), ok="shipper"),
    Entry(
        "GET /api/v1/exports/{export_id}/file/",
        lambda w: Call({"export_id": export(w)}),
        ok="shipper",
        also=(409,),
    ),
]
