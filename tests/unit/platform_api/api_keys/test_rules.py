"""Which requests the scopes of an API key open."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from platform_api.actor import Actor, Role
from platform_api.api_keys import rules
from platform_api.errors import PlatformError

NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/v1/orders/", "orders:read"),
        ("HEAD", "/api/v1/orders/", "orders:read"),
        ("POST", "/api/v1/orders/x/bids/", "orders:write"),
        ("PATCH", "/api/v1/orders/x/", "orders:write"),
        ("GET", "/api/v1/telemetry/accounts/", "telemetry:read"),
        ("POST", "/api/v1/telemetry/x/", None),
        ("POST", "/api/v1/webhooks/", None),
        ("GET", "/api/v1/auth/me/", None),
        ("DELETE", "/api/v1/api-keys/x/", None),
        ("GET", "/api/v1/privacy/exports/", None),
        ("POST", "/api/v1/alert-rules/", "alerts:write"),
        ("GET", "/api/v1/geofence-groups/", "geofences:read"),
        ("GET", "/api/v1/ordersx/", None),
        ("GET", "/admin/", None),
    ],
)
def test_the_scope_of_a_request(method: str, path: str, scope: str | None) -> None:
    assert rules.needed_scope(method, path) == scope


def refusal(scopes: list[str], method: str, path: str) -> str:
    try:
        rules.check_request(scopes, method, path)
    except PlatformError as error:
        return error.code
    return ""


def test_reading_does_not_open_writing() -> None:
    assert refusal(["orders:read"], "GET", "/api/v1/orders/") == ""
    assert refusal(["orders:read"], "POST", "/api/v1/orders/") == "scope_missing"
    assert refusal([scope.value for scope in rules.Scope], "GET", "/api/v1/auth/me/") == "api_key_not_allowed"


def test_an_administrator_acts_by_no_key() -> None:
    for actor in (Actor(uuid4(), Role.ADMINISTRATOR), Actor(uuid4(), Role.SHIPPER, is_superuser=True)):
        with pytest.raises(PlatformError) as refused:
            rules.check_owner(actor)
        assert refused.value.code == "api_key_revoked"
    rules.check_owner(Actor(uuid4(), Role.SHIPPER))


def test_who_may_have_how_many_keys_for_how_long() -> None:
    shipper = Actor(uuid4(), Role.SHIPPER)
    rules.check_creatable(shipper, living=rules.MAX_KEYS - 1, expires_at=NOW + rules.MAX_LIFE, now=NOW)
    for actor, living, expires_at, code in [
        (Actor(uuid4(), Role.ADMINISTRATOR), 0, None, "role_not_allowed"),
        (shipper, rules.MAX_KEYS, None, "too_many_api_keys"),
        (shipper, 0, NOW, "invalid_expiry"),
        (shipper, 0, NOW + rules.MAX_LIFE + timedelta(seconds=1), "invalid_expiry"),
    ]:
        with pytest.raises(PlatformError) as refused:
            rules.check_creatable(actor, living=living, expires_at=expires_at, now=NOW)
        assert refused.value.code == code
