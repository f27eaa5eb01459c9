"""The platform as processes of its own under a clock that runs fast, and people who call it over HTTP."""

import io
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from httpx import Client, Response
from PIL import Image

from cli.parts.process import free_port
from cli.processes import ROOT
from cli.stack import Stack, running_stack
from config import clock
from config.settings import Settings
from platform_api.actor import Role
from tests.support.api import PASSWORD, Person, code_of, code_texted_to, new_phone
from tests.support.settings import apply_settings, forget_settings
from tests.support.waiting import wait_until

# Hours on the road are played in a minute; all processes and this one are given the same clock.
SPEED = 120.0
HEAD_START_S = 12 * 3600.0
STEP_S = 180.0
PICKUP = ("Port de Dakar, môle 4", 14.6797, -17.4281)
DROP = ("Plateforme de Diamniadio", 14.7230, -17.1840)
RADIUS_M = 250.0
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    client: Client
    stack: Stack

    @property
    def settings(self) -> Settings:
        return self.stack.settings

    def mess(self, *arguments: str) -> str:
        """What `mess ...` prints."""
        done = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            env={**self.stack.env, "COLUMNS": "200"}, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextmanager
def stage(home: Path, database_url: str, redis_url: str) -> Iterator[Stage]:
    """Ingest, broker, API and task worker with its schedule, on the test run's database and Valkey."""
    now, port = time.time(), free_port()
    values: dict[str, Any] = {
        "environment": "test",
        "log_level": "WARNING",
        "database_url": database_url,
        "redis_url": redis_url,
        "mqtt_host": "127.0.0.1",
        "mqtt_port": free_port(),
        "api_host": "127.0.0.1",
        "api_port": port,
        "public_url": f"http://127.0.0.1:{port}",
        "ingest_metrics_port": free_port(),
        "ingest_reconcile_s": 0.2,
        "simulation_anchor": now,
        "simulation_start": now - HEAD_START_S,
        "simulation_speed": SPEED,
        # At this speed a token of 15 minutes lasts a few seconds.
        "access_token_minutes": 24 * 60,
        "kyc_required": True,
        "webhook_private_addresses": True,
        "files_dir": str(home / "files"),
        "export_dir": str(home / "exports"),
    }
    with pytest.MonkeyPatch.context() as patch:
        apply_settings(patch, **values)
        said: list[str] = []
        with running_stack(home, say=said.append, overrides=values) as stack:
            with Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
                yield Stage(client, stack)
            assert stack.ended() is None, f"ended by itself: {stack.ended()}"
    forget_settings()


def ok(answer: Response) -> Any:
    """The JSON of an answer that must be a good one."""
    request = answer.request
    assert answer.is_success, f"{request.method} {request.url.path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else {}


def refused(answer: Response, status: int, code: str) -> None:
    assert code_of(answer) == (status, code), answer.text


def signed_in(client: Client, session: Json) -> Person:
    user = session["user"]
    headers = {"Authorization": f"Bearer {session['access']}"}
    return Person(client, UUID(user["id"]), user["phone"], Role(user["role"]), headers)


def register(client: Client, role: Role, name: str) -> Person:
    """By phone number, with the code that was texted to it."""
    phone = new_phone()
    body = {"phone": phone, "name": name, "role": role.value, "password": PASSWORD}
    pending = {"registration_id": ok(client.post("/api/v1/auth/register/", json=body))["registration_id"]}
    verify = "/api/v1/auth/otp/verify/"
    refused(client.post(verify, json=pending | {"code": "not it"}), 403, "code_wrong")
    answer = client.post(verify, json=pending | {"code": code_texted_to(phone)})
    if code_of(answer)[1] == "code_expired":  # at this speed its ten minutes are five seconds
        ok(client.post("/api/v1/auth/otp/resend/", json=pending))
        answer = client.post(verify, json=pending | {"code": code_texted_to(phone)})
    return signed_in(client, ok(answer))


def upload(person: Person, name: str, *, colour: str = "white") -> str:
    """A picture of somebody's; returns its id."""
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(picture, "JPEG")
    answer = person.client.post(
        "/api/v1/files/",
        params={"name": name},
        content=picture.getvalue(),
        headers={**person.headers, "Content-Type": "application/octet-stream"},
    )
    return str(ok(answer)["id"])


def in_(**span: float) -> str:
    """A time from now by the platform's clock."""
    return (clock.now() + timedelta(**span)).isoformat()


def order_seen(person: Person, order_id: str) -> Json:
    order: Json = ok(person.get(f"/api/v1/orders/{order_id}/"))
    return order


def until(person: Person, order_id: str, moment: str) -> Json:
    """The order once it says when `moment` was."""

    def seen() -> Json | None:
        order = order_seen(person, order_id)
        return order if order[moment] else None

    order = wait_until(seen, STEP_S, moment)
    assert order is not None
    return order
