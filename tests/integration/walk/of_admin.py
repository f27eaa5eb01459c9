"""Administration."""

from platform_api.actor import Role
from tests.integration.walk.entries import EVERYBODY, Call, Entry
from tests.integration.walk.world import World
from tests.support.api import person

OTHERS = "shipper carrier driver broker"
ADMIN = "/api/v1/admin/"


def somebody(w: World) -> dict[str, str]:
    return {"user_id": str(person(w.client, Role.SHIPPER).id), "reason": "Ticket 4711: he sees no bids"}


def begun(w: World) -> Call:
    return Call({"impersonation_id": w.made(w.administrator, f"{ADMIN}impersonations/", somebody(w))})


ENTRIES = [
    Entry(
        f"POST {ADMIN}impersonations/", lambda w: Call(body=somebody(w)), ok="administrator", forbidden=OTHERS
    ),
    Entry(f"GET {ADMIN}impersonations/", ok="administrator", forbidden=OTHERS),
    Entry(
        f"POST {ADMIN}impersonations/{{impersonation_id}}/end/", begun, ok="administrator", forbidden=OTHERS
    ),
    Entry(
        f"GET {ADMIN}impersonations/{{impersonation_id}}/requests/",
        begun,
        ok="administrator",
        forbidden=OTHERS,
    ),
    # The pages themselves have a sign-in of their own: tests/integration/admin/test_pages.py.
    Entry("GET /admin", ok=EVERYBODY, public=True, also=(308,), open=True),
    Entry("MOUNT /admin"),
    Entry(f"GET {ADMIN}audit/", ok="administrator", forbidden=OTHERS),
]
