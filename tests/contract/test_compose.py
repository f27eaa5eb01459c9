"""The compose files: the parts are there, pinned, and no secret stands in them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.settings import Settings
from platform_api.app import MAX_BODY_BYTES
from platform_api.files.endpoints import PATH as FILES_PATH
from platform_api.files.rules import MAX_FILE_BYTES

ROOT = Path(__file__).resolve().parents[2]
SERVICES = {"postgres", "redis", "emqx", "migrate", "api", "ingest-1", "ingest-2", "worker", "nginx"}
OURS = {"migrate", "api", "ingest-1", "ingest-2", "worker"}
SECRET = re.compile(r"PASSWORD|SECRET|COOKIE")
# Compose's own spelling of "not set: stop and say so".
REQUIRED = re.compile(r"\$\{([A-Z_]+):\?[^}]+\}")


class ComposeLoader(yaml.SafeLoader):
    """YAML with compose's `!override`."""


ComposeLoader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))


def load(name: str) -> dict[str, Any]:
    return yaml.load((ROOT / name).read_text(encoding="utf-8"), Loader=ComposeLoader)


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return load("docker-compose.yml")["services"]


def test_the_services(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == SERVICES
    assert set(load("docker-compose.override.yml")["services"]) <= SERVICES


def test_images_are_pinned(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        tag = service["image"].rpartition(":")[2]
        assert name in OURS or re.match(r"\d+\.\d+\.\d+", tag), f"{name}: {service['image']}"
    assert services["emqx"]["image"] == "emqx/emqx:5.8.9", "later lines are not Apache-2.0"
    for line in (ROOT / "docker" / "Dockerfile").read_text().splitlines():
        if line.startswith("FROM"):
            assert re.match(r"FROM python:3\.\d+\.\d+-slim-\w+", line)


def test_secrets_come_from_the_environment_and_are_required(services: dict[str, dict[str, Any]]) -> None:
    named = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name, service in services.items():
        for key, value in service.get("environment", {}).items():
            if SECRET.search(key) or key.endswith("_URL"):
                required = REQUIRED.search(str(value))
                assert required, f"{name}: {key} is written out"
                assert f"# {required[1]}=" in named, f"{required[1]} is not in .env.example"


def test_our_settings_exist(services: dict[str, dict[str, Any]]) -> None:
    known = {f"MESS_{name.upper()}" for name in Settings.model_fields}
    for name in OURS:
        used = {key for key in services[name]["environment"] if key.startswith("MESS_")}
        assert used <= known, f"{name}: {used - known}"
        assert services[name]["environment"]["MESS_ENVIRONMENT"] == "production"


def test_what_is_open_to_the_world(services: dict[str, dict[str, Any]]) -> None:
    """MQTT with TLS and nginx; never the broker's internal listener, the database or Redis."""
    opened = {port for service in services.values() for port in service.get("ports", [])}
    assert opened == {"8883:8883", "80:80", "443:443"}
    local = [
        port
        for service in load("docker-compose.override.yml")["services"].values()
        for port in service.get("ports", [])
    ]
    assert all(port.startswith("127.0.0.1:") for port in local)


def test_every_service_says_whether_it_is_well(services: dict[str, dict[str, Any]]) -> None:
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"migrate"}


def test_emqx_keeps_its_data_over_a_new_container(services: dict[str, dict[str, Any]]) -> None:
    emqx = services["emqx"]
    assert emqx["hostname"]
    assert emqx["environment"]["EMQX_NODE__NAME"] in (ROOT / "brokers/emqx/emqx.conf").read_text()
    assert "emqx-data:/opt/emqx/data" in emqx["volumes"]


def test_the_api_hands_out_the_exports_that_the_worker_writes(services: dict[str, dict[str, Any]]) -> None:
    for name in ("api", "worker"):
        assert "exports:/app/exports" in services[name]["volumes"]
        assert services[name]["environment"]["MESS_EXPORT_DIR"] == "/app/exports"
        assert "files:/app/files" in services[name]["volumes"]
        assert services[name]["environment"]["MESS_FILES_DIR"] == "/app/files"
    assert {"exports", "files"} <= load("docker-compose.yml")["volumes"].keys()


def test_mounted_files_exist(services: dict[str, dict[str, Any]]) -> None:
    made_by_the_operator = {"./docker/certs"}
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("./") and source not in made_by_the_operator:
                assert (ROOT / source).is_file(), source


def test_the_image_holds_every_package() -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = set(re.findall(r"^COPY (\w+) \w+$", dockerfile, re.MULTILINE))
    assert copied == {
        "config",
        "telemetry",
        "brokers",
        "geofence",
        "ingest",
        "platform_api",
        "simulator",
        "cli",
        "migrations",
    }
    assert {f"!{name}" for name in copied} <= set(ignored)


def test_nginx_lets_through_what_the_api_takes() -> None:
    """Its own refusal is a page of HTML that no client understands."""
    text = (ROOT / "docker/nginx/mess.conf.template").read_text()
    sizes = [int(size) * 1024**2 for size in re.findall(r"client_max_body_size (\d+)m;", text)]
    files = text[text.index(f"location = {FILES_PATH}") :].split("}")[0]
    assert f"client_max_body_size {sizes[1] // 1024**2}m;" in files
    assert sizes[0] > MAX_BODY_BYTES
    assert sizes[1] > MAX_FILE_BYTES
