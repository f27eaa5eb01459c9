"""What an operator got wrong is said in words; a defect stays a traceback."""

import psycopg
import pytest
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import OperationalError

from cli import main as cli_main
from cli.plain_errors import explain
from config.settings import Settings


def test_a_bad_setting_is_named_as_the_operator_wrote_it() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(mqtt_port="abc", database_pool_size=0)  # type: ignore[arg-type]
    explanation = explain(caught.value)
    assert explanation is not None
    text, code = explanation
    assert "MESS_MQTT_PORT: Input should be a valid integer" in text
    assert "MESS_DATABASE_POOL_SIZE: " in text
    assert code == 2


def test_a_secret_that_is_refused_is_not_shown() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(environment="production", jwt_secret="too-short-but-ours")  # type: ignore[arg-type]
    explanation = explain(caught.value)
    assert explanation is not None
    assert explanation.text.startswith("MESS_JWT_SECRET must be a secret of your own")
    assert "too-short-but-ours" not in explanation.text


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_database_that_is_away_is_one_line_and_a_hint(wrapped: bool) -> None:
    error: Exception = psycopg.OperationalError(
        "connection failed: Connection refused\n\tIs the server running?"
    )
    if wrapped:
        error = OperationalError("SELECT 1", {}, error)
    explanation = explain(error)
    assert explanation is not None
    assert explanation.text.splitlines() == [
        "database (MESS_DATABASE_URL): connection failed: Connection refused",
        "`mess doctor` looks at all parts",
    ]
    assert explanation.exit_code == 1


def test_other_errors_are_defects() -> None:
    class Body(BaseModel):
        number: int

    with pytest.raises(ValidationError) as caught:
        Body(number="x")  # type: ignore[arg-type]
    for error in (caught.value, psycopg.errors.QueryCanceled("too slow"), RuntimeError("broken")):
        assert explain(error) is None


def test_the_command_ends_with_the_words_and_the_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        Settings(api_port=0)

    monkeypatch.setattr(cli_main, "load", lambda _target: command)
    monkeypatch.setattr("sys.argv", ["mess", "doctor"])
    with pytest.raises(SystemExit) as ended:
        cli_main.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("MESS_API_PORT: ")
