"""What stands in the log, for people and for machines."""

import json
import logging
import re
from collections.abc import Iterator

import pytest

from digits_server import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


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


def test_below_its_level_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("WARNING", "console")
    logging.getLogger("x").info("not this")
    assert said(capsys) == ""
