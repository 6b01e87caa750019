"""What stands in the log, for people and for machines."""

import json
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from digits_server.ops import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured: str = capsys.readouterr().err
    return captured


def test_json_has_an_object_a_line_with_all_that_was_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("INFO", "json")
    fields = {"request_id": "a-1", "duration_ms": 1.25, "odd": object}
    logging.getLogger("digits.x").info("one\ntwo %s", "three", extra=fields)
    [line] = said(capsys).splitlines()
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


def test_an_exception_is_in_the_same_object(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "json")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("digits.x").exception("failed")
    [line] = said(capsys).splitlines()
    assert "ValueError: broken" in json.loads(line)["exception"]


def test_a_line_for_people_has_what_was_given_behind_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "console")
    fields = {"request_id": "a-1", "method": "two words", "empty": ""}
    logging.getLogger("digits.x").warning("it is so", extra=fields)
    assert re.fullmatch(
        r"\S+Z WARNING digits\.x: it is so request_id=a-1 method='two words' empty=''\n",
        said(capsys),
    )


def test_nobody_can_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "console")
    logging.getLogger("x").info("a\n2026 INFO forged\x1b[0m", extra={"id": "b\nforged"})
    assert len(said(capsys).splitlines()) == 1


def test_the_text_of_an_exception_cannot_forge_a_line_either(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("INFO", "console")
    try:
        raise ValueError("broken\n2026-11-23T00:00:00.000Z INFO    x: forged\x1b[0m")
    except ValueError:
        logging.getLogger("x").exception("failed")
    first, *below = said(capsys).splitlines()
    assert first.endswith("x: failed")
    assert any("ValueError: broken" in line for line in below)
    assert all(line.startswith("  ") and line.isprintable() for line in below)


def test_the_stack_stands_below_when_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "console")
    logging.getLogger("x").info("here", stack_info=True)
    assert "  Stack (most recent call last):" in said(capsys).splitlines()


def test_names_and_values_that_could_be_taken_for_others_are_quoted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("INFO", "console")
    logging.getLogger("x").info("m", extra={"a\nb": "c d", "e": "f=g", "h": '"'})
    assert said(capsys).endswith(" 'a\\nb'='c d' e='f=g' h='\"'\n")


class Textless:
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def cycle() -> dict[str, Any]:
    made: dict[str, Any] = {}
    made["itself"] = made
    return made


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "value", [Textless(), cycle(), {(1, 2): 3}, float("nan"), b"\xff", "\ud800", "\u2028\x85"]
)
def test_no_value_breaks_a_line(
    capsys: pytest.CaptureFixture[str], log_format: str, value: object
) -> None:
    logs.configure("INFO", log_format)
    logging.getLogger("digits.x").info("message", extra={"value": value, "request_id": "a-1"})
    [line] = said(capsys).splitlines()
    assert "digits.x" in line
    assert "message" in line
    assert "a-1" in line
    if log_format == "json":
        assert "value" in json.loads(line, parse_constant=pytest.fail)


def test_what_is_given_does_not_pass_for_the_lines_own_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("INFO", "json")
    fields = {"time": "never", "level": "NONE", "logger": "nobody"}
    logging.getLogger("digits.x").info("message", extra=fields)
    entry = json.loads(said(capsys))
    assert entry["time"].startswith("20")
    assert (entry["level"], entry["logger"]) == ("INFO", "digits.x")


@pytest.mark.parametrize("name", ["asyncio", "grpc", "concurrent.futures"])
def test_the_loggers_of_others_go_the_same_way(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    logs.configure("INFO", "json")
    logging.getLogger(name).warning("of theirs")
    assert json.loads(said(capsys))["logger"] == name


def test_warnings_go_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        logs.configure("INFO", "json")
        warnings.warn("this goes away", FutureWarning, stacklevel=1)
        logging.captureWarnings(False)
    [line] = said(capsys).splitlines()
    assert "FutureWarning: this goes away" in json.loads(line)["message"]


def test_below_its_level_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("WARNING", "console")
    logging.getLogger("x").info("not this")
    assert said(capsys) == ""
