"""``digits-train`` as a user runs it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.processes import Run

MODULES_OF_WORKERS = "drawn_examples, non_digit_examples, scene_examples, strip_examples"


def test_everything_on_standard_error_is_the_commands_own(run: "Run", tmp_path: Path) -> None:
    done = run("digits_training.cli", "fit", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d Loading TensorFlow\n"
        r"\d\d:\d\d:\d\d Loading MNIST\n"
        rf"digits-train: {re.escape(str(tmp_path))} has no mnist\.npz\n",
        done.stderr,
    )
    assert done.stdout == ""


def test_tensorflow_writes_again_if_its_log_level_is_set(run: "Run", tmp_path: Path) -> None:
    done = run("digits_training.cli", "fit", "--data-dir", str(tmp_path), TF_CPP_MIN_LOG_LEVEL="0")
    assert done.returncode == 1
    assert done.stderr.endswith(" has no mnist.npz\n")


def test_processes_that_draw_examples_do_not_import_tensorflow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; from digits_training import {MODULES_OF_WORKERS};"
         "print(sys.modules.keys() & {'tensorflow', 'keras'})"],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("set()\n", "")
