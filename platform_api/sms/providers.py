"""Who carries a text to a phone: the interface, and which provider the settings name."""

from functools import lru_cache
from typing import Protocol

from config.logging import get_logger
from config.settings import get_settings
from platform_api.sms.orange import OrangeSms
from platform_api.sms.sending import SendError

__all__ = ["Console", "Provider", "SendError", "provider"]

log = get_logger(__name__)


class Provider(Protocol):
    """Takes one text at a time, in at most 60 seconds.

    `keeps_texts`: a sent text stays readable in the outbox, because nobody but its reader has it.
    """

    name: str
    keeps_texts: bool

    def send(self, phone: str, text: str) -> str:
        """`phone` is E.164. The provider's id of the text; raises SendError."""
        ...


class Console:
    """Writes the text into the log and leaves it in the outbox (`mess sms`); for development."""

    name = "console"
    keeps_texts = True

    def send(self, phone: str, text: str) -> str:
        log.info("text message", phone=phone, text=text)
        return ""


@lru_cache
def provider() -> Provider:
    """One per process: it keeps its access token."""
    settings = get_settings()
    return OrangeSms.of(settings) if settings.sms_provider == "orange" else Console()
