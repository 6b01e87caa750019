"""The log on standard error: readable lines, or JSON for log collectors."""

import faulthandler
import functools
import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from digits.loopback import is_loopback_host
from digits_server.settings import Settings

logger = logging.getLogger("digits_server")

_STANDARD_ATTRIBUTES: Final = frozenset(RESERVED_ATTRS) | {"color_message"}
_SEPARATORS: Final = frozenset(" ='\"")


def configure(level: str, log_format: str, worker: int | None = None) -> None:
    """Send all log records, Python's warnings and uncaught exceptions to standard error.

    The log has a descriptor of its own, so that ``discard_native_output`` does not affect it. If a
    library crashes the process, the stack of each thread follows, which is not JSON.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
        log_format: ``json`` for one object per line, ``console`` for readable lines. Both
            include the fields of ``extra``, as JSON fields or as ``key=value``.
        worker: The number of this process among those that share a port, added to each entry;
            None for a server of one process.
    """
    handler = _LogHandler(_log_stream())
    if worker is not None:
        handler.addFilter(functools.partial(_add_worker, worker))
    handler.setFormatter(_JsonLineFormatter() if log_format == "json" else _ConsoleFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    sys.unraisablehook = _log_ignored
    threading.excepthook = _log_ended_thread


def report_failure(error: Exception, log_format: str) -> None:
    """Report why the server cannot start, in one line on standard error.

    Args:
        error: Its text is a sentence.
        log_format: ``json`` for a log entry, ``console`` for the name of the command and the text.
    """
    if log_format == "json":
        logger.error("%s", error)
    else:
        print(f"digits-server: {error}", file=sys.stderr)  # noqa: T201 - the command's output


def log_ready(settings: Settings, address: str, admin_address: str | None) -> None:
    """Log that the server is ready, and warn if it can be reached without a token or TLS.

    Args:
        settings: All settings.
        address: ``host:port`` as bound.
        admin_address: ``host:port`` of the admin port; None without one.
    """
    if not is_loopback_host(settings.host):
        if settings.tokens_file is None and settings.tls_client_ca is None:
            logger.warning(
                "authentication is disabled: anyone who can reach %s can use it", address
            )
        if settings.tls_cert is None:
            logger.warning("TLS is disabled: traffic to %s is unencrypted", address)
    if admin_address:
        logger.info("health and metrics on %s", admin_address)
    logger.info("ready on %s", address)


class _LogHandler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as logging names it
        # On a full disk, what logging writes about it fails as well, and would change the status
        # that the process ends with.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def _log_stream() -> TextIO:
    """Return standard error with a descriptor of its own, if it has a descriptor."""
    try:
        descriptor = os.dup(sys.stderr.fileno())
    except (AttributeError, OSError):  # closed, or replaced by an object of Python
        return sys.stderr
    faulthandler.enable(descriptor)
    return os.fdopen(
        descriptor, "w", buffering=1, encoding=sys.stderr.encoding, errors=sys.stderr.errors
    )


def _log_uncaught(*exception: Any) -> None:
    logger.critical("uncaught exception", exc_info=exception)


def _log_ignored(error: "sys.UnraisableHookArgs") -> None:
    exception = (error.exc_type, error.exc_value or error.exc_type(), error.exc_traceback)
    reason = error.err_msg or "Exception ignored in"
    logger.error("%s %r", reason, error.object, exc_info=exception)


def _log_ended_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is SystemExit:
        return
    exception = (ended.exc_type, ended.exc_value or ended.exc_type(), ended.exc_traceback)
    name = ended.thread.name if ended.thread else "?"
    logger.error("thread %s ended by an exception", name, exc_info=exception)


def _add_worker(worker: int, record: logging.LogRecord) -> bool:
    record.worker = worker
    return True


class _JsonLineFormatter(JsonFormatter):
    def __init__(self) -> None:
        super().__init__(
            "{levelname}{name}{message}",
            style="{",
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
            json_default=_text,
            # NaN and Infinity are not valid JSON, and some parsers fail on them.
            json_serializer=functools.partial(json.dumps, allow_nan=False),
        )

    def add_fields(
        self,
        log_data: dict[str, object],
        record: logging.LogRecord,
        message_dict: dict[str, object],
    ) -> None:
        log_data["time"] = _time(record)  # the first field of the line
        super().add_fields(log_data, record, message_dict)
        # Fields of ``extra`` must not replace these.
        log_data.update(time=_time(record), level=record.levelname, logger=record.name)

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        try:
            return super().jsonify_log_record(log_data)
        except (TypeError, ValueError):  # a cycle, a key that is not a string, NaN
            texts = {name: _text(value) for name, value in log_data.items()}
            return super().jsonify_log_record(texts)


class _ConsoleFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        message = _on_one_line(record.getMessage())
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {message}"
        fields = {
            name: value for name, value in vars(record).items() if name not in _STANDARD_ATTRIBUTES
        }
        line += "".join(f" {_word(name)}={_word(value)}" for name, value in fields.items())
        details = [self.formatException(record.exc_info)] if record.exc_info else []
        details += [record.stack_info] if record.stack_info else []
        # Indented, so that the text of an exception cannot look like another entry.
        return line + "".join(
            f"\n  {_on_one_line(part)}" for text in details for part in text.splitlines()
        )


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _on_one_line(text: str) -> str:
    """Escape line breaks and control characters, so that a text cannot look like another entry."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )


def _word(value: object) -> str:
    text = _text(value)
    is_plain = text and text.isprintable() and not set(text) & _SEPARATORS
    return text if is_plain else repr(text)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the rest of the line is still useful
        return f"<{type(value).__name__} without text>"
