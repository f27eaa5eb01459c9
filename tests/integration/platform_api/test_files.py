"""Files: uploaded once, known by their content, kept while something needs them."""

import io
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from PIL import Image
from sqlalchemy import insert

from config import clock
from config.database import transaction
from platform_api.actor import Actor, Role
from platform_api.errors import NotFound, Unsupported
from platform_api.files import disk, service
from platform_api.files.models import File
from platform_api.files.rules import IMAGES, MAX_FILE_BYTES, MAX_FILES_A_DAY
from platform_api.files.service import MAX_PIXELS, UNUSED_KEPT
from tests.support.api import Person, api_on, code_of, person

PATH = "/api/v1/files/"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str, folder: Path) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url, files_dir=str(folder)) as client:
        yield client


@pytest.fixture
def shipper(client: httpx.Client) -> Person:
    return person(client, Role.SHIPPER)


def picture(kind: str = "PNG", size: tuple[int, int] = (3, 2), mode: str = "RGB", colour: int = 0) -> bytes:
    content = io.BytesIO()
    Image.new(mode, size, colour).save(content, kind)
    return content.getvalue()


def upload(someone: Person, content: bytes, **query: str) -> httpx.Response:
    return someone.client.post(PATH, content=content, headers=someone.headers, params=query)


def uploaded(someone: Person, content: bytes) -> Any:
    answer = upload(someone, content)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (picture("PNG"), "image/png"),
        (picture("JPEG"), "image/jpeg"),
        (picture("WEBP"), "image/webp"),
        (PDF, "application/pdf"),
    ],
)
def test_the_kind_is_read_from_the_content(shipper: Person, content: bytes, media_type: str) -> None:
    headers = {**shipper.headers, "Content-Type": "text/html"}
    made = shipper.client.post(PATH, content=content, headers=headers, params={"name": "reçu.html"})
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["media_type"], body["size_bytes"], body["name"]) == (media_type, len(content), "reçu.html")
    assert shipper.get(f"{PATH}{body['id']}/").json() == body
    shown = shipper.get(f"{PATH}{body['id']}/content/")
    assert shown.content == content
    assert shown.headers["Content-Type"] == media_type


@pytest.mark.parametrize(
    "content",
    [
        b"<html><script>alert(1)</script></html>",
        b"GIF89a" + bytes(20),
        b"RIFF0000WAVE",
        b"\x89PNG",
        b"%PD",
        b"\x00" * 50,
    ],
)
def test_other_kinds_are_refused(shipper: Person, content: bytes) -> None:
    assert code_of(upload(shipper, content)) == (415, "file_type_not_allowed")


def test_nothing_is_no_file(shipper: Person) -> None:
    assert upload(shipper, b"").status_code in (415, 422)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_damaged_picture_is_refused(shipper: Person, kind: str) -> None:
    whole = picture(kind, (64, 64))
    assert code_of(upload(shipper, whole[:16])) == (422, "file_damaged")


def test_a_picture_with_a_broken_checksum_is_refused(shipper: Person) -> None:
    whole = bytearray(picture("PNG", (64, 64)))
    whole[-20] ^= 0xFF
    assert code_of(upload(shipper, bytes(whole))) == (422, "file_damaged")


def png_of(width: int, height: int) -> bytes:
    """A header that promises so many pixels; the data is short."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(MAX_PIXELS // 1000 + 1, 1000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_a_picture_that_unpacks_to_too_much_is_refused(shipper: Person, size: tuple[int, int]) -> None:
    bomb = png_of(*size)
    assert len(bomb) < 200
    assert code_of(upload(shipper, bomb)) == (422, "file_damaged")


def test_a_file_has_at_most_eight_mebibytes(shipper: Person) -> None:
    just = PDF + bytes(MAX_FILE_BYTES - len(PDF))
    assert uploaded(shipper, just)["size_bytes"] == 8 * 1024 * 1024
    assert code_of(upload(shipper, just + b"0")) == (413, "body_too_large")
    chunks = (just[start : start + 2**20] for start in range(0, len(just), 2**20))
    several = shipper.client.post(PATH, content=chunks, headers=shipper.headers)
    assert several.status_code == 201
    longer = (part for part in (just, b"0"))
    assert code_of(shipper.client.post(PATH, content=longer, headers=shipper.headers)) == (
        413,
        "body_too_large",
    )


def test_other_addresses_take_no_more_for_it(shipper: Person) -> None:
    body = {"name": "x" * 2_000_000}
    assert code_of(shipper.post("/api/v1/geofences/", body)) == (413, "body_too_large")


def test_so_many_a_day_and_no_more(shipper: Person) -> None:
    def rows(count: int, age: timedelta) -> None:
        row = {
            "party_id": shipper.id, "uploaded_by": shipper.id, "sha256": "0" * 64, "media_type": "image/png",
            "size_bytes": 1, "created_at": clock.now() - age,
        }  # fmt: skip
        with transaction() as session:
            session.execute(insert(File), [row | {"id": uuid4()} for _ in range(count)])

    rows(MAX_FILES_A_DAY - 1, timedelta(hours=1))
    rows(50, timedelta(days=2))
    assert upload(shipper, picture()).status_code == 201
    refused = upload(shipper, picture())
    assert code_of(refused) == (429, "file_quota_reached")
    assert int(refused.headers["Retry-After"]) > 0


def test_it_is_there_for_its_own_party_alone(client: httpx.Client, shipper: Person) -> None:
    file_id = uploaded(shipper, picture())["id"]
    for other in (person(client, Role.SHIPPER), person(client, Role.ADMINISTRATOR)):
        for path in (f"{PATH}{file_id}/", f"{PATH}{file_id}/content/"):
            assert code_of(other.get(path)) == (404, "file_not_found")
    assert code_of(shipper.get(f"{PATH}{uuid4()}/")) == (404, "file_not_found")
    assert client.get(f"{PATH}{file_id}/content/").status_code == 401


def test_no_browser_takes_it_for_a_page_of_ours(shipper: Person) -> None:
    file_id = uploaded(shipper, PDF)["id"]
    headers = shipper.get(f"{PATH}{file_id}/content/").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["Cache-Control"] == "private, max-age=3600"


def test_a_name_cannot_break_the_header(shipper: Person) -> None:
    made = upload(shipper, PDF, name='a"; filename="b.html').json()
    shown = shipper.get(f"{PATH}{made['id']}/content/").headers["Content-Disposition"]
    assert 'filename="b.html"' not in shown
    assert upload(shipper, PDF, name="a\r\nSet-Cookie: x").status_code == 400


def test_the_same_content_lies_on_the_disk_once(shipper: Person, client: httpx.Client, folder: Path) -> None:
    content = picture("PNG", (7, 7), colour=7)
    first = uploaded(shipper, content)
    second = uploaded(person(client, Role.CARRIER), content)
    assert first["sha256"] == second["sha256"]
    assert len(list(folder.rglob(first["sha256"]))) == 1
    assert not list(folder.rglob("*.part"))


# service


def actor_of(someone: Person) -> Actor:
    return Actor(someone.id, someone.role)


def use(someone: Person, file_id: str, **options: Any) -> None:
    with transaction() as session:
        service.use(session, actor_of(someone), UUID(file_id), now=clock.now(), **options)


def sweep(after: timedelta) -> int:
    with transaction() as session:
        return service.sweep_unused(session, clock.now() + after)


def test_what_nothing_refers_to_is_swept_with_its_content(shipper: Person) -> None:
    while sweep(UNUSED_KEPT + timedelta(days=1)):
        pass
    lone = uploaded(shipper, picture(size=(11, 1)))
    used = uploaded(shipper, picture(size=(12, 1)))
    use(shipper, used["id"])
    assert sweep(UNUSED_KEPT - timedelta(minutes=1)) == 0
    assert sweep(UNUSED_KEPT + timedelta(minutes=1)) == 1
    assert code_of(shipper.get(f"{PATH}{lone['id']}/")) == (404, "file_not_found")
    assert not disk.path_of(lone["sha256"]).exists()
    assert shipper.get(f"{PATH}{used['id']}/content/").status_code == 200


def test_content_that_somebody_else_needs_stays(shipper: Person, client: httpx.Client) -> None:
    content = picture(size=(13, 1))
    lone, other = uploaded(shipper, content), person(client, Role.CARRIER)
    used = uploaded(other, content)
    use(other, used["id"])
    assert sweep(UNUSED_KEPT + timedelta(minutes=1)) >= 1
    assert code_of(shipper.get(f"{PATH}{lone['id']}/")) == (404, "file_not_found")
    assert other.get(f"{PATH}{used['id']}/content/").content == content


def test_a_sweep_that_fails_takes_nothing_from_the_disk(shipper: Person) -> None:
    made = uploaded(shipper, picture(size=(14, 1)))

    def sweep_in_vain() -> None:
        with transaction() as session:
            assert service.sweep_unused(session, clock.now() + UNUSED_KEPT + timedelta(minutes=1)) >= 1
            raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        sweep_in_vain()
    assert shipper.get(f"{PATH}{made['id']}/content/").status_code == 200


def test_only_its_party_uses_it_and_only_as_what_fits(shipper: Person, client: httpx.Client) -> None:
    made = uploaded(shipper, PDF)
    with pytest.raises(NotFound):
        use(person(client, Role.CARRIER), made["id"])
    with pytest.raises(Unsupported):
        use(shipper, made["id"], allowed=IMAGES)
    use(shipper, made["id"])
