"""`mess codes`."""

import typer


def codes() -> None:
    """Print every error code of the API as the page docs/errors.md (Markdown)."""
    from platform_api.codes.page import render

    typer.echo(render(), nl=False)
