"""What Windows and macOS lack is taken away, and the clients still work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from digits_client import special_file
from digits_client.special_file import is_special
from tests.features import FEATURES, without

IMPORT_ALL = """
import pkgutil, digits_client
for module in pkgutil.walk_packages(digits_client.__path__, "digits_client."):
    if ".draw." not in module.name and not module.name.endswith(".parquet"):
        __import__(module.name)
"""
WRITE = """
import sys
from pathlib import Path
from digits_client.atomic_file import atomic_write
with atomic_write(Path(sys.argv[1])) as file:
    file.write(b"a line\\n")
"""


def run(folder: Path, code: str, *arguments: str) -> None:
    """Run code in a new interpreter without the features of POSIX."""
    folder.mkdir()
    python_path = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=without(FEATURES, folder, python_path),
        check=True,
    )


def test_every_module_can_be_imported_without_features_of_posix(tmp_path: Path) -> None:
    run(tmp_path / "elsewhere", IMPORT_ALL)


def test_a_file_is_written_without_features_of_posix(tmp_path: Path) -> None:
    run(tmp_path / "elsewhere", WRITE, str(tmp_path / "rows"))
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "rows"}
    assert (tmp_path / "rows").read_bytes() == b"a line\n"


def test_descriptors_are_found_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(special_file, "_OWN_DESCRIPTORS", ("/no/proc", "/dev/fd"))
    with open(os.devnull, "rb") as file:  # noqa: PTH123
        assert is_special(Path(f"/dev/fd/{file.fileno()}"))
    with Path(__file__).open("rb") as file:
        assert is_special(Path(f"/dev/fd/{file.fileno()}"))
