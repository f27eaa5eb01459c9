"""What the documents say exists, exists; and what operators and integrators must know is written down."""

import re
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from cli.main import COMMANDS
from config.settings import Settings
from geofence.settings import DEFAULTS, FenceSettings
from ingest.metrics import ColumnHistogram, Metrics
from ingest.ping import REASONS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
# Taken apart, so that this file does not name what it looks for.
INDEX_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("pypi", "python", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("proxy", "golang", "org"),
        ("index", "crates", "io"),
        ("deb", "debian", "org"),
    )
]
INDEX_OPTION = re.compile(r"^\s*--(extra-)?index-url|^\s*--find-links|^\s*-i\s+http", re.MULTILINE)


@cache
def prose(page: Path) -> str:
    """The page without its code blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


@cache
def words(page: Path) -> frozenset[str]:
    """Everything that stands between single backticks, prose and tables alike."""
    return frozenset(re.findall(r"`([^`\n]+)`", prose(page)))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual renderers make them."""
    headings = (re.sub(r"[`*]", "", heading).strip().lower() for heading in HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_resolves(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target}: there is no such file"
        assert found.is_relative_to(ROOT), f"{target} leaves the repository"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), f"{target}: there is no such heading"


def test_links_are_found_at_all() -> None:
    assert sum(len(LINK.findall(prose(page))) for page in PAGES) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_named_in_backticks_exist(page: Path) -> None:
    """Paths below one of our folders, such as `ingest/steps.py`; placeholders in capitals are left out."""
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    for word in words(page):
        path = word.split("::")[0].rstrip("/")
        if re.fullmatch(r"[\w.\-/]+\.(py|md|conf|sql|sh|json|template)", path) is None or "NAME" in path:
            continue
        if path.split("/")[0] in folders:
            assert (ROOT / path).exists(), f"{page.name} names {path}"


def test_every_decision_is_in_the_index() -> None:
    records = {path.name for path in (DOCS / "decisions").glob("[0-9]*.md")}
    assert set(LINK.findall(prose(DOCS / "decisions" / "README.md"))) == records
    numbers = sorted(int(name[:4]) for name in records)
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_setting_is_explained() -> None:
    text = (DOCS / "operations.md").read_text() + (ROOT / ".env.example").read_text()
    missing = {f"MESS_{name.upper()}" for name in Settings.model_fields if f"MESS_{name.upper()}" not in text}
    assert not missing


def test_every_setting_of_ingest_is_in_the_telemetry_page() -> None:
    named = words(DOCS / "telemetry.md")
    ingest = {f"MESS_{name.upper()}" for name in Settings.model_fields if name.startswith("ingest_")}
    assert ingest <= named


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    known = {f"MESS_{name.upper()}" for name in Settings.model_fields}
    # Read by the tests, the command line or Docker Compose, not by config.settings.
    known |= {"MESS_DOMAIN", "MESS_VERSION", "MESS_REQUIRE", "MESS_TRACKS", "MESS_DEVICE_PASSWORD"}
    known |= {"MESS_TEST_DATABASE_URL", "MESS_TEST_MQTT_URL", "MESS_TEST_REDIS_URL"}
    for page in PAGES:
        named = set(re.findall(r"\bMESS_[A-Z0-9_]+\b", page.read_text(encoding="utf-8")))
        assert named <= known, f"{page.name}: {named - known}"


def test_every_reason_is_in_the_telemetry_page() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", prose(DOCS / "telemetry.md"), re.MULTILINE))
    assert set(REASONS) <= rows


def test_every_metric_is_in_the_telemetry_page_and_nothing_else() -> None:
    documented = {word for word in words(DOCS / "telemetry.md") if word.startswith("mess_ingest_")}
    assert documented == metric_names(Metrics())


def metric_names(metrics: Metrics) -> set[str]:
    """As Prometheus shows them: counters end in _total."""
    made = [v for v in vars(metrics).values() if isinstance(v, MetricWrapperBase | ColumnHistogram)]
    assert made
    return {
        next(iter(metric.describe())).name + ("_total" if isinstance(metric, Counter) else "")
        for metric in made
    }


def test_the_defaults_of_a_fence_are_those_of_the_code() -> None:
    page = prose(DOCS / "decisions" / "0009-enter-and-exit.md")
    rows = re.findall(r"^\| `(\w+)` \| [^|]*\| (\S+) \|", page, re.MULTILINE)
    assert {name: _shown(getattr(DEFAULTS, name)) for name in FenceSettings.__struct_fields__} == dict(rows)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


def test_the_changelog_names_every_command() -> None:
    named = words(ROOT / "CHANGELOG.md")
    assert {name for name in COMMANDS if name not in named and f"mess {name}" not in named} == set()


def tracked_texts() -> list[Path]:
    """Files under version control, and new ones that are not ignored; all of them text or left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8000]]


def test_no_file_names_a_package_index() -> None:
    """Where packages come from is the machine's business: the lock holds hashes, not addresses."""
    files = tracked_texts()
    assert len(files) > 100
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        found = [host for host in INDEX_HOSTS if host in text.lower()]
        assert not found, f"{path.relative_to(ROOT)} names {found}"
        if path.suffix in (".lock", ".txt", ".toml", ".in"):
            assert not INDEX_OPTION.search(text), f"{path.relative_to(ROOT)} names an index"
