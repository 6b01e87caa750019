"""``digits-train`` as a user runs it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.processes import Run

MODULES_OF_WORKERS = "drawn_examples, non_digit_examples, scene_examples, strip_examples"


def test_everything_on_standard_error_is_the_commands_own(
    run: "Run", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another test of this process may have loaded TensorFlow, which sets it.
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    done = run("digits_training.cli", "fit", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d Loading TensorFlow\n"
        r"\d\d:\d\d:\d\d Loading MNIST\n"
        rf"digits-train: {re.escape(str(tmp_path))} has no mnist\.npz\n",
        done.stderr,
    )
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("level", "log"), [({}, ""), ({"TF_CPP_MIN_LOG_LEVEL": "0"}, "native lines\nkeras: a line\n")]
)
def test_tensorflow_writes_again_if_its_log_level_is_set(
    tmp_path: Path, level: dict[str, str], log: str
) -> None:
    # Whether the real ones write anything depends on the processor.
    (tmp_path / "keras.py").write_text("import os; os.write(2, b'native lines\\n')", "utf-8")
    (tmp_path / "tensorflow.py").touch()
    program = f"""
import logging, os, sys
sys.path.insert(0, {str(tmp_path)!r})
os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)
os.environ.update({level})
logging.basicConfig(format="keras: %(message)s")
from digits_training.tensorflow_import import import_tensorflow
import_tensorflow()
logging.getLogger("absl").warning("a line")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr == log


def test_processes_that_draw_examples_do_not_import_tensorflow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; from digits_training import {MODULES_OF_WORKERS};"
         "print(sys.modules.keys() & {'tensorflow', 'keras'})"],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("set()\n", "")
