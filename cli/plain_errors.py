"""Mistakes of the operator in plain words. What is not recognised stays a traceback: it is a defect."""

import sys
from typing import NamedTuple

EXIT_FAILED, EXIT_USAGE = 1, 2


class Explanation(NamedTuple):
    text: str
    exit_code: int


def explain(error: Exception) -> Explanation | None:
    """A setting that cannot be used, or a database that lets nobody in; None for anything else.

    Looks only at libraries that are loaded already: an error of one that is not cannot have come.
    """
    return _bad_settings(error) or _no_database(error)


def _bad_settings(error: Exception) -> Explanation | None:
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or not isinstance(error, pydantic.ValidationError) or error.title != "Settings":
        return None
    # Without the value, which may be a secret.
    lines = [
        " ".join((f"MESS_{str(each['loc'][0]).upper()}:", each["msg"]))
        if each["loc"]
        else each["msg"].removeprefix("Value error, ")
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return Explanation("\n".join(lines), EXIT_USAGE)


def _no_database(error: Exception) -> Explanation | None:
    psycopg = sys.modules.get("psycopg")
    cause = getattr(error, "orig", None) or error  # SQLAlchemy keeps the driver's error in `orig`
    # An error with a SQLSTATE came over a connection that stood.
    if psycopg is None or not isinstance(cause, psycopg.OperationalError) or cause.sqlstate is not None:
        return None
    reason = str(cause).strip().splitlines()[0]
    return Explanation(
        f"database (MESS_DATABASE_URL): {reason}\n`mess doctor` looks at all parts", EXIT_FAILED
    )
