"""The log on standard error: lines for people, or JSON for machines."""

import logging
import sys
from datetime import UTC, datetime
from typing import Final

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

_OWN_ATTRIBUTES: Final = frozenset(RESERVED_ATTRS) | {"color_message"}


def configure(level: str, log_format: str) -> None:
    """Send all that is logged to standard error.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
        log_format: ``json`` for an object a line, ``console`` for lines to read. Either has
            what was given as ``extra``, as fields or as ``key=value``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if log_format == "json" else _Console())
    logging.basicConfig(level=level, handlers=[handler], force=True)


class _Json(JsonFormatter):
    def __init__(self) -> None:
        super().__init__(
            "{levelname}{name}{message}",
            style="{",
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
            json_default=str,
        )

    def add_fields(
        self,
        log_data: dict[str, object],
        record: logging.LogRecord,
        message_dict: dict[str, object],
    ) -> None:
        log_data["time"] = _time(record)
        super().add_fields(log_data, record, message_dict)


class _Console(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        message = _on_one_line(record.getMessage())
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {message}"
        fields = {
            name: value for name, value in vars(record).items() if name not in _OWN_ATTRIBUTES
        }
        line += "".join(f" {name}={_word(value)}" for name, value in fields.items())
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _on_one_line(text: str) -> str:
    """Return a text in which nothing begins a line that could be taken for another entry."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )


def _word(value: object) -> str:
    text = str(value)
    return text if text and text.isprintable() and " " not in text else repr(text)
