"""Accounts, organisations, API keys, webhooks, bulk exports."""

from typing import Any

from platform_api.actor import Role
from tests.integration.accounts.people import let_time_pass
from tests.integration.walk.entries import EVERYBODY, Call, Entry
from tests.integration.walk.world import World
from tests.support.api import PASSWORD, Person, code_texted_to, new_phone, person

BUSINESSES = "shipper carrier broker"


def second_session(w: World) -> str:
    """Of the shipper, on another device."""
    login(w)
    (row,) = w.sql(
        "SELECT id FROM sign_in_sessions WHERE user_id = %s AND id <> %s ORDER BY created_at DESC LIMIT 1",
        w.shipper.id,
        w.shipper.session_id,
    )
    return str(row["id"])


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


def successor(w: World) -> Person:
    """A member of the shipper's, whose business has a name and is offered to nobody."""
    w.sql("DELETE FROM ownership_offers WHERE owner_id = %s", w.shipper.id)
    w.sql(
        "INSERT INTO profiles (user_id, company_name, updated_at) VALUES (%s, 'Walk SARL', now())"
        " ON CONFLICT (user_id) DO UPDATE SET company_name = 'Walk SARL'",
        w.shipper.id,
    )
    return member(w)


def handover(w: World) -> str:
    body = {"user_id": str(successor(w).id)}
    return str(w.made(w.shipper, "/api/v1/organisations/handovers/", body))


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


def registration(w: World) -> dict[str, Any]:
    phone = new_phone()
    body = {"phone": phone, "name": "A", "role": "shipper", "password": PASSWORD}
    answer = w.client.post("/api/v1/auth/register/", json=body)
    assert answer.status_code == 201, answer.text
    let_time_pass()
    return {"registration_id": answer.json()["registration_id"], "code": code_texted_to(phone)}


def asked_reset(w: World) -> Call:
    someone = person(w.client, Role.SHIPPER)
    assert w.client.post("/api/v1/auth/password/reset/", json={"phone": someone.phone}).is_success
    code = code_texted_to(someone.phone)
    return Call(body={"phone": someone.phone, "code": code, "new_password": PASSWORD + "!"})


def paper(w: World) -> dict[str, object]:
    return {
        "kind": "identity_card",
        "number": "1 755 1985 00123",
        "expires_on": "2035-01-01",
        "file_ids": [w.file(w.shipper)],
    }


def sent_paper(w: World) -> str:
    w.sql("UPDATE kyc_documents SET state = 'replaced' WHERE party_id = %s", w.shipper.id)
    document_id = str(w.made(w.shipper, "/api/v1/kyc/documents/", paper(w)))
    return document_id


AUTH = "/api/v1/auth/"
ENTRIES = [
    Entry(f"POST {AUTH}otp/verify/", lambda w: Call(body=registration(w)), ok=EVERYBODY, public=True),
    Entry(
        f"POST {AUTH}otp/resend/",
        lambda w: Call(body={"registration_id": registration(w)["registration_id"]}),
        ok=EVERYBODY,
        public=True,
    ),
    Entry(
        f"POST {AUTH}password/reset/", lambda w: Call(body={"phone": new_phone()}), ok=EVERYBODY, public=True
    ),
    Entry(f"POST {AUTH}password/reset/confirm/", asked_reset, ok=EVERYBODY, public=True),
    Entry(
        f"POST {AUTH}password/change/",
        lambda w: Call(body={"current_password": PASSWORD, "new_password": PASSWORD}),
        ok=EVERYBODY,
    ),
    Entry(f"GET {AUTH}sessions/", ok=EVERYBODY),
    Entry(
        f"DELETE {AUTH}sessions/{{session_id}}/",
        lambda w: Call({"session_id": second_session(w)}),
        ok="shipper",
    ),
    Entry(f"POST {AUTH}sessions/revoke-all/", lambda w: Call(body={"keep_current": True}), ok=EVERYBODY),
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
    Entry(
        "POST /api/v1/organisations/handovers/",
        lambda w: Call(body={"user_id": str(successor(w).id)}),
        ok=BUSINESSES,
        # The member of another business.
        also=(404,),
    ),
    Entry("GET /api/v1/organisations/handovers/", ok=BUSINESSES),
    Entry(
        "POST /api/v1/organisations/handovers/{handover_id}/withdraw/",
        lambda w: Call({"handover_id": handover(w)}),
        ok="shipper",
        forbidden="driver administrator",
    ),
    # For whom it is offered to, who is none of these.
    Entry(
        "POST /api/v1/organisations/handovers/{handover_id}/accept/",
        lambda w: Call({"handover_id": handover(w)}),
    ),
    Entry(
        "POST /api/v1/organisations/handovers/{handover_id}/decline/",
        lambda w: Call({"handover_id": handover(w)}),
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
