"""The result files that the tables and plots of docs/performance.md are made from."""

import json
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "results"


def read_result(name: str) -> dict[str, Any] | None:
    """Return a result, or None if it has not been measured."""
    file = FOLDER / f"{name}.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else None


def write_result(name: str, result: dict[str, Any]) -> None:
    """Write a result, replacing an earlier one."""
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    (FOLDER / f"{name}.json").write_text(text, "utf-8")
