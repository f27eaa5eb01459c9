"""Structured logs: one event a line, with the request or batch id bound where there is one."""

import logging
import re
import sys

import structlog

from config.settings import Settings

# uvicorn logs the whole address of each WebSocket, and browsers can send a token only there.
_TOKEN = re.compile(r"([?&]token=)[^&\s\"']+")


def _hide_tokens(_: object, __: str, event_dict: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event = event_dict.get("event")
    if isinstance(event, str) and "token=" in event:
        event_dict["event"] = _TOKEN.sub(r"\1***", event)
    return event_dict


def configure_logging(settings: Settings) -> None:
    """Send structlog and the standard library's logging through one renderer to standard error.

    Bind an id with `structlog.contextvars.bound_contextvars(request_id=...)`; it shows in every
    line of that context, library lines included.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _hide_tokens],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    # Their connection chatter drowns ours; warnings still come through.
    chatty = ("gmqtt", "amqtt", "transitions", "httpx", "uvicorn.access")
    # Three lines for every sweep that found nothing to do.
    sweeping = ("celery.beat", "celery.worker.strategy", "celery.app.trace")
    for noisy in chatty + sweeping:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
