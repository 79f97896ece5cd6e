"""Logging: one record per call and per background step.

They hold ids, codes and durations; never vectors, keys or the values of variables.
"""

from __future__ import annotations

import logging
import sys

import stamina
import structlog
from structlog.typing import Processor

from services.server.settings import ServerSettings


def configure(settings: ServerSettings) -> None:
    """Log to stderr in the format and from the level of the settings."""
    # Callers log their own retries, with the name of what they wait for.
    stamina.instrumentation.set_on_retry_hooks(())
    console = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_console() if console else _json()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.log_level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


def _console() -> list[Processor]:
    # The default formatter prints the values of variables, and with them keys.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(exception_formatter=plain)]


def _json() -> list[Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
