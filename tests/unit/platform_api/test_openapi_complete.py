"""What every new endpoint needs before it can be landed; the rest is in `tests/contract/test_openapi.py`."""

from platform_api.app import create_app
from platform_api.openapi import codes_of, operations
from platform_api.openapi_texts import TAGS
from tests.integration.walk.entries import all_entries
from tests.integration.walk.routes import every_route

# The 503 that names the part which does not answer is no error of the request; a page for people answers with pages.
OWN_ERRORS = {"health_health", "tracking_links_show"}


def test_every_endpoint_has_an_entry_in_the_role_walk() -> None:
    missing = sorted(set(every_route()) - all_entries().keys())
    assert not missing, "see tests/integration/walk/__init__.py; without an entry:\n" + "\n".join(missing)


def test_every_operation_is_described_and_names_its_codes() -> None:
    app = create_app()
    wrong = []
    for context, operation in operations(app, app.openapi()):
        where = f"{context.endpoint.__module__}.{context.endpoint.__name__}" if context.endpoint else ""
        if not operation.get("description"):
            wrong.append(f"{where}: a docstring, please: it is the description")
        if set(operation["tags"]) - TAGS.keys():
            wrong.append(f"{where}: describe its tag in platform_api/openapi_texts.py")
        bare = [
            status
            for status, each in operation["responses"].items()
            if status >= "400" and not codes_of(each)
        ]
        if bare and operation["operationId"] not in OWN_ERRORS:
            wrong.append(f"{where}: codes instead of {bare}: errors('order_not_found', ...)")
    assert not wrong, "\n".join(wrong)
