"""People who register, and what they do with their codes."""

from typing import Any

import httpx
from sqlalchemy import delete

from config.database import transaction
from platform_api.throttle.models import RateLimit
from tests.support.api import PASSWORD, code_texted_to, new_phone

AUTH = "/api/v1/auth"


def registration(**changes: Any) -> dict[str, Any]:
    return {"phone": new_phone(), "name": "Awa Diop", "role": "shipper", "password": PASSWORD} | changes


def register(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = client.post(f"{AUTH}/register/", json=registration(**changes))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def verify(client: httpx.Client, pending: dict[str, Any], code: str | None = None) -> httpx.Response:
    """With the code that was texted, or another."""
    typed = {"registration_id": pending["registration_id"], "code": code or code_texted_to(pending["phone"])}
    return client.post(f"{AUTH}/otp/verify/", json=typed)


def sign_up(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    """Registered and verified: `access`, `refresh`, `user`."""
    answer = verify(client, register(client, **changes))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def sign_in(client: httpx.Client, phone: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
    return client.post(f"{AUTH}/login/", json={"phone": phone, "password": password, **more})


def wrong(code: str) -> str:
    """Another code."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


def let_time_pass() -> None:
    """As if everything spent of limits had been given back."""
    with transaction() as session:
        session.execute(delete(RateLimit))


def bearer(access: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access}"}
