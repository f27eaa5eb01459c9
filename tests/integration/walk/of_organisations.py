"""Profiles, and papers with their review. Organisations themselves are in `of_accounts`."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from config import clock
from tests.integration.walk.entries import ANY_STRANGER, EVERYBODY, Call, Entry
from tests.integration.walk.world import World

PARTIES = "shipper carrier driver broker"


def paper(file_id: object) -> dict[str, Any]:
    expires_on = (clock.now().date() + timedelta(days=90)).isoformat()
    return {"kind": "passport", "number": "A00123456", "expires_on": expires_on, "file_ids": [str(file_id)]}


def document(w: World) -> Call:
    """Of the shipper, waiting for a reviewer."""
    key = w.made(w.shipper, "/api/v1/kyc/documents/", paper(w.file(w.shipper)))
    w.secrets.add("A00123456")
    return Call({"document_id": key})


def page(w: World) -> Call:
    return Call({**document(w).path, "number": 1})


def claimed(w: World, body: Any = None) -> Call:
    call = document(w)
    answer = w.administrator.post(f"/api/v1/kyc/documents/{call.path['document_id']}/claim/")
    assert answer.status_code == 200, answer.text
    return Call(call.path, body=body)


def of_shipper(w: World) -> Call:
    return Call({"party_id": w.shipper.id})


ENTRIES = [
    Entry("PATCH /api/v1/auth/me/", lambda w: Call(body={"language": "fr"}), ok=EVERYBODY),
    Entry("GET /api/v1/profiles/{party_id}/", of_shipper, ok=EVERYBODY, but=ANY_STRANGER, open=True),
    Entry("GET /api/v1/kyc/status/", ok=EVERYBODY),
    # The file is nobody's.
    Entry("POST /api/v1/kyc/documents/", lambda w: Call(body=paper(uuid4())), ok=PARTIES, also=(404,)),
    Entry("GET /api/v1/kyc/documents/", ok=PARTIES),
    Entry("GET /api/v1/kyc/documents/{document_id}/", document, ok="shipper administrator"),
    Entry("GET /api/v1/kyc/documents/{document_id}/pages/{number}/", page, ok="shipper administrator"),
    Entry("GET /api/v1/kyc/queue/", ok="administrator"),
    Entry("GET /api/v1/kyc/parties/{party_id}/status/", of_shipper, ok="administrator", forbidden=PARTIES),
    Entry("GET /api/v1/kyc/parties/{party_id}/documents/", of_shipper, ok="administrator", forbidden=PARTIES),
    Entry("POST /api/v1/kyc/documents/{document_id}/claim/", document, ok="administrator", forbidden=PARTIES),
    Entry(
        "POST /api/v1/kyc/documents/{document_id}/release/", claimed, ok="administrator", forbidden=PARTIES
    ),
    Entry(
        "POST /api/v1/kyc/documents/{document_id}/approve/", claimed, ok="administrator", forbidden=PARTIES
    ),
    Entry(
        "POST /api/v1/kyc/documents/{document_id}/reject/",
        lambda w: claimed(w, {"reason": "illegible"}),
        ok="administrator",
        forbidden=PARTIES,
    ),
]
