"""Lists of people, their businesses and their programs, and of administration; see `test_lists`."""

from platform_api.actor import Role
from tests.integration.walk import of_accounts as accounts
from tests.integration.walk import of_admin as administration
from tests.integration.walk import of_telemetry as telemetry
from tests.integration.walk.copies import EARLIER, HASH, TEXT, copy_last
from tests.integration.walk.entries import Call
from tests.integration.walk.lists import List
from tests.integration.walk.world import World
from tests.support.api import person

# One each of those who have nothing to do with it.
SOMEBODY = "(SELECT id FROM users WHERE phone LIKE '+22170%%' ORDER BY id OFFSET n LIMIT 1)"


def spare_people(w: World) -> None:
    """Shippers who have nothing to do with anything, so that rows can be of one each."""
    person(w.client, Role.SHIPPER)
    copy_last(w, "users", 25, {"phone": "'+22170' || lpad((random() * 9999999)::int::text, 7, '0')"})


def audited(w: World) -> Call:
    w.sql("INSERT INTO audit_log (channel, action) VALUES ('api', 'walk')")
    return Call()


def impersonated(w: World) -> Call:
    call = administration.begun(w)
    w.sql(
        "INSERT INTO impersonation_requests (impersonation_id, at, method, path) VALUES (%s, now(), 'GET', '/x')",
        call.path["impersonation_id"],
    )
    return call


def queued(w: World) -> Call:
    spare_people(w)
    accounts.sent_paper(w)
    return Call()


def privacy_export(w: World) -> Call:
    telemetry.export(w)
    w.sql("UPDATE data_exports SET state = 'failed'")
    return Call()


def erasure(w: World) -> Call:
    telemetry.erasure(w)
    w.sql("UPDATE erasures SET state = 'withdrawn'")
    return Call()


def access(w: World) -> Call:
    telemetry.export(w)
    w.sql("UPDATE access_log SET at = at WHERE id = (SELECT max(id) FROM access_log)")
    return Call()


def api_key(w: World) -> Call:
    accounts.api_key(w)
    return Call()


def webhook(w: World) -> Call:
    accounts.webhook(w)
    return Call()


def delivery(w: World) -> Call:
    call = accounts.delivery(w)
    w.sql("UPDATE webhook_deliveries SET state = state WHERE id = %s", call.path["delivery_id"])
    return Call({"webhook_id": call.path["webhook_id"]})


def bulk_export(w: World) -> Call:
    accounts.export(w)
    w.sql("UPDATE bulk_exports SET state = 'failed' WHERE party_id = %s", w.shipper.id)
    return Call()


def member(w: World) -> Call:
    spare_people(w)
    someone = accounts.member(w)
    w.sql("UPDATE organisation_members SET role = role WHERE user_id = %s", someone.id)
    return Call()


def invitation(w: World) -> Call:
    accounts.invitation(w, "+221770000001")
    return Call()


def handover(w: World) -> Call:
    spare_people(w)
    accounts.handover(w)
    w.sql("UPDATE ownership_offers SET state = 'withdrawn', answered_at = now()")
    return Call()


def received(w: World) -> Call:
    spare_people(w)
    accounts.invitation(w, w.driver.phone)
    return Call()


def impersonation(w: World) -> Call:
    administration.begun(w)
    w.sql("UPDATE impersonations SET ended_at = now() WHERE ended_at IS NULL")
    return Call()


def paper(w: World) -> Call:
    document_id = accounts.sent_paper(w)
    w.sql("UPDATE kyc_documents SET state = 'replaced' WHERE id = %s", document_id)
    return Call()


def paper_of(w: World) -> Call:
    paper(w)
    return Call({"party_id": w.shipper.id})


LISTS = [
    List("GET /api/v1/admin/audit/", "audit_log", audited, "administrator"),
    List(
        "GET /api/v1/admin/impersonations/{impersonation_id}/requests/",
        "impersonation_requests",
        impersonated,
        "administrator",
    ),
    List("GET /api/v1/kyc/queue/", "kyc_documents", queued, "administrator", {"party_id": SOMEBODY}),
    List(
        "GET /api/v1/organisations/members/", "organisation_members", member, "shipper", {"user_id": SOMEBODY}
    ),
    List("GET /api/v1/privacy/exports/", "data_exports", privacy_export, "driver", EARLIER),
    List("GET /api/v1/privacy/erasures/", "erasures", erasure, "driver", EARLIER),
    List("GET /api/v1/privacy/access-log/", "access_log", access, "driver"),
    List(
        "GET /api/v1/api-keys/",
        "api_keys",
        api_key,
        "shipper",
        EARLIER | {"key_hash": HASH, "prefix": TEXT},
    ),
    List("GET /api/v1/webhooks/", "webhook_endpoints", webhook, "shipper", EARLIER),
    List("GET /api/v1/webhooks/{webhook_id}/deliveries/", "webhook_deliveries", delivery, "shipper", EARLIER),
    List("GET /api/v1/exports/", "bulk_exports", bulk_export, "shipper", EARLIER),
    List(
        "GET /api/v1/organisations/invitations/",
        "invitations",
        invitation,
        "shipper",
        EARLIER | {"phone": "'+22176' || (2000000 + n)"},
    ),
    List(
        "GET /api/v1/organisations/handovers/",
        "ownership_offers",
        handover,
        "shipper",
        EARLIER | {"to_user": SOMEBODY},
    ),
    List(
        "GET /api/v1/invitations/",
        "invitations",
        received,
        "driver",
        EARLIER | {"owner_id": SOMEBODY},
    ),
    List(
        "GET /api/v1/admin/impersonations/",
        "impersonations",
        impersonation,
        "administrator",
        {"token_hash": HASH, "started_at": "o.started_at - n * interval '1 second'"},
    ),
    List("GET /api/v1/kyc/documents/", "kyc_documents", paper, "shipper"),
    List("GET /api/v1/kyc/parties/{party_id}/documents/", "kyc_documents", paper_of, "administrator"),
]
