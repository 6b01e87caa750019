"""The log: readable lines and JSON."""

import json
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from digits_server.ops import logs


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def log_text(capsys: pytest.CaptureFixture[str]) -> str:
    text: str = capsys.readouterr().err
    return text


def test_json_has_one_object_per_line_with_all_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("INFO", "json")
    fields = {"request_id": "a-1", "duration_ms": 1.25, "odd": object}
    logging.getLogger("digits.x").info("one\ntwo %s", "three", extra=fields)
    [line] = log_text(capsys).splitlines()
    entry = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
    assert entry.pop("odd")
    assert entry == {
        "level": "INFO",
        "logger": "digits.x",
        "message": "one\ntwo three",
        "request_id": "a-1",
        "duration_ms": 1.25,
    }


def test_an_exception_is_part_of_the_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "json")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("digits.x").exception("failed")
    [line] = log_text(capsys).splitlines()
    assert "ValueError: broken" in json.loads(line)["exception"]


def test_a_console_line_ends_with_the_extra_fields(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "console")
    fields = {"request_id": "a-1", "method": "two words", "empty": ""}
    logging.getLogger("digits.x").warning("the message", extra=fields)
    assert re.fullmatch(
        r"\S+Z WARNING digits\.x: the message request_id=a-1 method='two words' empty=''\n",
        log_text(capsys),
    )


def test_a_message_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "console")
    logging.getLogger("x").info("a\n2026 INFO forged\x1b[0m", extra={"id": "b\nforged"})
    assert len(log_text(capsys).splitlines()) == 1


def test_the_text_of_an_exception_cannot_forge_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("INFO", "console")
    try:
        raise ValueError("broken\n2026-11-23T00:00:00.000Z INFO    x: forged\x1b[0m")
    except ValueError:
        logging.getLogger("x").exception("failed")
    first, *traceback = log_text(capsys).splitlines()
    assert first.endswith("x: failed")
    assert any("ValueError: broken" in line for line in traceback)
    assert all(line.startswith("  ") and line.isprintable() for line in traceback)


def test_a_requested_stack_follows_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "console")
    logging.getLogger("x").info("here", stack_info=True)
    assert "  Stack (most recent call last):" in log_text(capsys).splitlines()


def test_ambiguous_names_and_values_are_quoted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("INFO", "console")
    logging.getLogger("x").info("m", extra={"a\nb": "c d", "e": "f=g", "h": '"'})
    assert log_text(capsys).endswith(" 'a\\nb'='c d' e='f=g' h='\"'\n")


class WithoutText:
    """Raises when it is converted to text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def cycle() -> dict[str, Any]:
    cyclic: dict[str, Any] = {}
    cyclic["itself"] = cyclic
    return cyclic


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "value", [WithoutText(), cycle(), {(1, 2): 3}, float("nan"), b"\xff", "\ud800", "\u2028\x85"]
)
def test_no_value_breaks_a_line(
    capsys: pytest.CaptureFixture[str], log_format: str, value: object
) -> None:
    logs.configure("INFO", log_format)
    logging.getLogger("digits.x").info("message", extra={"value": value, "request_id": "a-1"})
    [line] = log_text(capsys).splitlines()
    assert "digits.x" in line
    assert "message" in line
    assert "a-1" in line
    if log_format == "json":
        assert "value" in json.loads(line, parse_constant=pytest.fail)


def test_extra_fields_do_not_replace_the_standard_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("INFO", "json")
    fields = {"time": "never", "level": "NONE", "logger": "nobody"}
    logging.getLogger("digits.x").info("message", extra=fields)
    entry = json.loads(log_text(capsys))
    assert entry["time"].startswith("20")
    assert (entry["level"], entry["logger"]) == ("INFO", "digits.x")


@pytest.mark.parametrize("name", ["asyncio", "grpc", "concurrent.futures"])
def test_loggers_of_libraries_use_the_same_format(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    logs.configure("INFO", "json")
    logging.getLogger(name).warning("library message")
    assert json.loads(log_text(capsys))["logger"] == name


def test_warnings_use_the_same_format(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        logs.configure("INFO", "json")
        warnings.warn("this is deprecated", FutureWarning, stacklevel=1)
        logging.captureWarnings(False)
    [line] = log_text(capsys).splitlines()
    assert "FutureWarning: this is deprecated" in json.loads(line)["message"]


def test_messages_below_the_level_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("WARNING", "console")
    logging.getLogger("x").info("not this")
    assert log_text(capsys) == ""
