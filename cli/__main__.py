"""`python -m cli` is `mess`."""

from cli.main import main

main()
