"""Decisions about the catalogue of vehicle types."""

from platform_api.actor import Actor
from platform_api.errors import Forbidden, Invalid


def check_edits(actor: Actor) -> None:
    """The catalogue is the platform's: raises Forbidden `role_not_allowed`."""
    if not actor.is_administrator:
        raise Forbidden("role_not_allowed", "Only administrators change the catalogue.")


def check_range(low: float | None, high: float | None) -> None:
    """Raises Invalid `invalid_size_range` when the smallest is above the largest."""
    if low is not None and high is not None and low > high:
        raise Invalid("invalid_size_range", "The smallest value is above the largest.")
