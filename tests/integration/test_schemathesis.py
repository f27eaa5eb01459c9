"""Every operation of the OpenAPI document is asked with generated calls, good and bad, as each of several people.

No answer may be a server's error, nor have a status, a content type, a header or a form that the document
does not name. Generated anew in the same way each time (`derandomize`), so a failure can be run again.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from platform_api.app import create_app
from tests.integration.walk.entries import ROLES
from tests.integration.walk.world import World
from tests.support.api import api_on

pytestmark = pytest.mark.slow

# For each mode of generation; with 200 operations and 10 ms a call it is a minute.
EXAMPLES = 12
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# An address that ceased to be this operation's once its places were filled ("..", "/").
ELSEWHERE = {"not_found", "method_not_allowed"}


@cache
def every_operation() -> dict[str, APIOperation[Any, Any, Any, Any]]:
    schema = schemathesis.openapi.from_dict(create_app().openapi())
    found = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        found[str(operation.definition.raw["operationId"])] = operation
    return found


@pytest.fixture(scope="module")
def world(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with api_on(database_url, redis_url, files_dir=str(tmp_path_factory.mktemp("files"))) as client:
        yield World(client, database_url)


def known(world: World) -> dict[str, object]:
    """Places of addresses that lead to something."""
    return {
        "order_id": world.order_id,
        "vehicle_id": world.vehicle_id,
        "uid": world.uid,
        "driver_id": world.driver.id,
        "party_id": world.carrier.id,
        "letter_id": world.letter_id,
    }


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation_id", every_operation())
def test_answers_are_as_documented(operation_id: str, mode: GenerationMode, world: World) -> None:
    operation = every_operation()[operation_id]
    if mode is GenerationMode.NEGATIVE and not list(operation.iter_parameters()) and not operation.body:
        pytest.skip("nothing of it can be wrong")
    # Some of these calls sign their caller out.
    people = world.again() if operation.path.startswith("/api/v1/auth/") else world

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), role=st.sampled_from(ROLES), there=st.booleans())
    def ask(case: Any, role: str, there: bool) -> None:
        if there:
            case.path_parameters |= {
                name: str(value) for name, value in known(world).items() if name in case.path_parameters
            }
        caller = people.caller(role)
        assert caller is not None
        response = case.call(base_url=str(world.client.base_url).rstrip("/"), headers=caller.headers)
        told = "json" in response.headers.get("content-type", [""])[0]
        if response.status_code in (404, 405) and told and response.json()["code"] in ELSEWHERE:
            return
        case.validate_response(response, checks=CHECKS)

    ask()
