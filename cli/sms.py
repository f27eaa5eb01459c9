"""`mess sms`: the texts that a real provider would have sent, for development and demonstrations."""

from typing import Annotated

import typer

from config.database import transaction
from config.settings import get_settings
from platform_api.accounts.rules import normalise_phone
from platform_api.errors import PlatformError
from platform_api.sms import service

SHOWN = 20


def sms(
    phone: Annotated[str, typer.Argument(help="As people write it, such as '77 123 45 67'.")],
    everything: Annotated[
        bool, typer.Option("--all", help=f"The newest {SHOWN}, and not the last alone.")
    ] = False,
) -> None:
    """Show the last text message to a phone. Only while MESS_SMS_PROVIDER=console."""
    if get_settings().sms_provider != "console":
        typer.echo("Texts go to the phones (MESS_SMS_PROVIDER); what they say is kept nowhere.", err=True)
        raise typer.Exit(1)
    try:
        number = normalise_phone(phone)
    except PlatformError as error:
        typer.echo(f"{error.code}: {error.detail}", err=True)
        raise typer.Exit(1) from error
    with transaction() as session:
        texts = [
            message.text
            for message in service.latest(session, number, limit=SHOWN if everything else 1)
            if message.text is not None
        ]
    if not texts:
        typer.echo(f"No text message to {number}.", err=True)
        raise typer.Exit(1)
    for text in texts:
        typer.echo(text)
