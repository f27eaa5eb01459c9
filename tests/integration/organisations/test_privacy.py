"""What a driver said of himself is in his copy, and nowhere after his erasure."""

import csv
import io
import zipfile
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from httpx import Client
from sqlalchemy import select

from config import clock
from config.database import transaction
from platform_api import spool
from platform_api.actor import Role
from platform_api.files import disk
from platform_api.files.models import File
from platform_api.fleet_documents import reminders
from platform_api.privacy import tasks
from platform_api.privacy.rules import copy_name
from tests.integration.fleet.world import hand_in, in_days
from tests.integration.organisations.test_kyc import approve, sent, upload
from tests.integration.platform_api.privacy_world import PRIVACY, Driver
from tests.support.api import Person, person

NUMBER = "1755198577777"
LICENCE = "DK-PERMIS-190211"


@pytest.fixture
def driver(client: Client, database_url: str) -> Driver:
    """With papers, a profile and an invitation."""
    made = Driver(client, database_url)
    made.deliver(60)
    made.person.patch("/api/v1/auth/me/", {"email": "moussa@unverwechselbar.sn", "address": "Rue Moussa"})
    # The same bytes are kept once: these are his alone.
    scan = upload(made.person, f"#{uuid4().hex[:6]}")
    approve(person(client, Role.ADMINISTRATOR), sent(made.person, number=NUMBER, file_ids=[scan]))
    handed = hand_in(
        made.person, "PERMIS", driver_id=str(made.person.id), number=LICENCE, licence_classes=["CE"],
        expires_on=in_days(20), file_id=upload(made.person, f"#{uuid4().hex[:6]}"),
    )  # fmt: skip
    assert handed.status_code == 201, handed.text
    with transaction() as session:
        while reminders.remind(session, clock.now()):
            pass
    other = person(client, Role.CARRIER)
    assert other.post("/api/v1/fleet/drivers/", {"phone": made.phone}).status_code == 201
    return made


def rows(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(f"{name}.csv").decode())))


def test_the_copy_holds_what_he_said_of_himself(driver: Driver) -> None:
    key = driver.person.post(f"{PRIVACY}/exports/").json()["id"]
    tasks.write_export(key)
    with zipfile.ZipFile(spool.path_of(copy_name(UUID(key)))) as archive:
        (paper,) = rows(archive, "papers")
        assert (paper["kind"], paper["number"], paper["state"]) == ("identity_card", NUMBER, "approved")
        (licence,) = rows(archive, "fleet_documents")
        assert (licence["kind"], licence["number"], licence["licence_classes"]) == ("PERMIS", LICENCE, "CE")
        (profile,) = rows(archive, "profile")
        assert (profile["email"], profile["address"]) == ("moussa@unverwechselbar.sn", "Rue Moussa")
        assert [row["joins_as"] for row in rows(archive, "invitations")] == ["driver"]
        assert "papers_read" in {row["action"] for row in rows(archive, "access_log")}


def test_an_erasure_takes_papers_files_profile_and_invitations(client: Client, driver: Driver) -> None:
    admin = person(client, Role.ADMINISTRATOR)
    contents = _contents_of(driver.person)
    assert len(contents) == 2
    assert all(content.exists() for content in contents)
    assert driver.sql("SELECT 1 FROM alerts WHERE facts->>'subject' = %s", driver.name)
    path = driver.confirmed()
    driver.make_due()
    shown = driver.erase(path, admin)
    assert shown["state"] == "done"
    assert shown["counts"]["fleet_documents"] == 1
    assert shown["counts"]["papers"] == shown["counts"]["profile"] == shown["counts"]["invitations"] == 1
    assert driver.sql("SELECT 1 FROM kyc_documents WHERE party_id = %s", driver.person.id) == []
    assert driver.sql("SELECT 1 FROM files WHERE party_id = %s", driver.person.id) == []
    assert driver.sql("SELECT 1 FROM profiles WHERE user_id = %s", driver.person.id) == []
    assert driver.sql("SELECT 1 FROM invitations WHERE phone = %s", driver.phone) == []
    assert not any(content.exists() for content in contents)
    assert driver.sql("SELECT 1 FROM fleet_documents WHERE driver_id = %s", driver.person.id) == []
    assert driver.sql("SELECT 1 FROM alerts WHERE facts->>'subject' = %s", driver.name) == []
    assert driver.traces() == {}


def _contents_of(someone: Person) -> list[Path]:
    with transaction() as session:
        found = session.scalars(select(File.sha256).where(File.party_id == someone.id)).all()
    return [disk.path_of(sha256) for sha256 in found]
