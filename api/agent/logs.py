"""JSON lines on stderr, in the shape that every process of a node writes."""

from __future__ import annotations

import sys

import structlog


def configure_logging() -> None:
    """One JSON object per line: event, level, time in UTC, and what the caller adds."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
