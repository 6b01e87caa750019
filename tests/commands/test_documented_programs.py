"""The programs in docs/notebook.md do what the text around them says."""

import ast
import re
from pathlib import Path
from typing import Any

import psutil
import pytest

from digits_client import FileResult, Number, Prediction
from tests.processes import ROOT

BLOCKS = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "docs/notebook.md").read_text("utf-8"), re.M | re.S
)
ODD_FILES = sorted(path.name for path in (ROOT / "samples" / "odd").iterdir())


def run_cell(code: str, names: dict[str, Any]) -> Any:
    """Run a cell of a notebook, and return the value of its last line."""
    *_, last = code.strip().splitlines()
    exec(code.strip().removesuffix(last), names)
    return eval(last, names)


async def run_cell_that_waits(code: str, names: dict[str, Any]) -> None:
    """Run a cell in the running event loop, as a notebook does."""
    await eval(compile(code, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)


def server_count() -> int:
    return sum("digits_server" in child.cmdline() for child in psutil.Process().children())


def test_the_cells_of_the_notebook_show_a_digit_and_a_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    digit, number, nothing = (run_cell(code, names) for code in (*BLOCKS[:2], BLOCKS[3]))
    assert isinstance(digit, Prediction)
    assert digit.digit == 3
    assert digit.frame is not None
    assert isinstance(number, Number)
    assert number.text == "2026"
    assert nothing is None
    assert server_count() == 0


async def test_a_cell_with_the_asyncio_client_shows_each_file_of_a_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    shown: list[FileResult] = []
    await run_cell_that_waits(BLOCKS[2], {"display": shown.append})
    assert [Path(one.path).name for one in shown] == ODD_FILES
    assert server_count() == 0


@pytest.mark.parametrize(
    ("code", "printed"),
    [(BLOCKS[4], r"Prediction\(.*digit=0,.*\nPrediction\(.*digit=7,.*\n"), (BLOCKS[5], "2026\n")],
    ids=["with", "asyncio"],
)
def test_the_programs_print_what_they_recognize(
    code: str, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    exec(code, {})
    assert re.fullmatch(printed, capsys.readouterr().out)
    assert server_count() == 0


def test_every_program_of_the_document_is_run() -> None:
    assert len(BLOCKS) == 6
