"""`mess createsuperuser`."""

from typing import Annotated

import typer
from sqlalchemy.exc import IntegrityError

from config.database import transaction
from platform_api.accounts import service
from platform_api.error_handlers import translate_integrity
from platform_api.errors import PlatformError


def createsuperuser(
    phone: Annotated[str, typer.Option(prompt=True, help="International form, such as +221771234567.")],
    name: Annotated[str, typer.Option(prompt=True)],
    password: Annotated[
        str,
        typer.Option(
            prompt=True, hide_input=True, confirmation_prompt=True, envvar="MESS_SUPERUSER_PASSWORD"
        ),
    ],
) -> None:
    """Create an administrator who may do everything. Asks for what is not given as an option."""
    try:
        with transaction() as session:
            user = service.create_superuser(session, phone=phone, name=name, password=password)
    except (PlatformError, IntegrityError) as caught:
        error = translate_integrity(caught) if isinstance(caught, IntegrityError) else caught
        if error is None:
            raise
        typer.echo(f"{error.code}: {error.detail}", err=True)
        raise typer.Exit(1) from caught
    typer.echo(f"{user.name} ({user.phone}) may now sign in as an administrator")
