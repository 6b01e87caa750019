"""Learning from corrections inside the window.

In place of ``digits-train`` runs a script that copies the shipped model under another version.
"""

import queue
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from digits import extras
from digits_client.draw import training_run
from digits_client.draw.corrections import Corrections
from digits_client.draw.training_run import Progressed, TrainingEvent, TrainingRun, models_folder
from digits_client.draw.training_window import TrainingWindow
from digits_server import models
from digits_server.settings import SHIPPED_MODELS
from tests.window.fixtures import THREE, TIMEOUT_SECONDS
from tests.window.test_window import dialogs, text_widgets

SHIPPED = models.versions(SHIPPED_MODELS)[0]
SCRIPT = f"""
import json, pathlib, shutil, sys, time
command, options = sys.argv[1], sys.argv[2:]
print("22:35:56 a line about", command, flush=True)
if command == "fit":
    pathlib.Path(options[options.index("--run") + 1]).mkdir()
    if WAITS:
        time.sleep(3600)
    if FAILS:
        sys.exit("digits-train: the disk is full")
else:
    version = options[options.index("--version") + 1]
    folder = pathlib.Path(options[options.index("--models") + 1]) / version
    shutil.copytree({str(SHIPPED_MODELS / str(SHIPPED))!r}, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["version"] = type(manifest["version"])(version)
    (folder / "manifest.json").write_text(json.dumps(manifest))
"""


@pytest.fixture
def use_script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that puts the script in place of ``digits-train``."""

    def use(*, waits: bool = False, fails: bool = False) -> None:
        script = f"WAITS, FAILS = {waits}, {fails}\n{SCRIPT}"
        monkeypatch.setattr(training_run, "COMMAND", (sys.executable, "-c", script))

    return use


@pytest.fixture
def correct_a_drawing(corrections: Corrections) -> Callable[[Any], None]:
    """A function that corrects a drawing in a window."""

    def correct(window: Any) -> None:
        window.stroke(THREE)
        window.wait_until_shown("3")
        window.save_correction("8")
        assert len(list(corrections)) == 1

    return correct


@pytest.fixture
def run_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which each run has a folder while it lasts; empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def open_training(window: Any) -> Any:
    window.show_training()
    (dialog,) = dialogs(window, TrainingWindow)
    return dialog


@pytest.fixture
def own_server_window(open_window: Any, default_address: str) -> Any:
    """A window with a private server, since there is none at the default address."""
    window = open_window(None)
    window.wait_until_status(default_address)
    window.wait_until_connected()
    return window


def test_a_model_is_trained_used_and_taken_back(
    own_server_window: Any,
    correct_a_drawing: Callable[[Any], None],
    use_script: Callable[..., None],
    corrections: Corrections,
    run_folders: Path,
) -> None:
    window = own_server_window
    use_script()
    correct_a_drawing(window)
    dialog = open_training(window)
    assert dialog.text == "There is 1 corrected drawing."
    dialog.train()
    window.wait_until(lambda: dialog.text == f"The new model is in {models_folder(corrections)}.")
    texts = [widget.cget("text") for widget in text_widgets(dialog)]
    assert texts[texts.index("Corrected drawings read right") + 1] == "0 of 1"
    assert list(run_folders.iterdir()) == []
    # The window has grown with the figures, so that the buttons below them are still there.
    window.wait_until(lambda: dialog.winfo_height() >= dialog.winfo_reqheight())
    dialog.switch()
    window.wait_until(lambda: f"model {SHIPPED + 1} " in window.status.model_text)
    assert texts_of(dialog, "Use the installed model")
    dialog.switch()
    window.wait_until(lambda: f"model {SHIPPED} " in window.status.model_text)
    assert texts_of(dialog, "Use the new model")


def texts_of(dialog: Any, text: str) -> bool:
    return text in [widget.cget("text") for widget in text_widgets(dialog)]


def test_a_training_that_fails_says_why(
    window: Any,
    correct_a_drawing: Callable[[Any], None],
    use_script: Callable[..., None],
    corrections: Corrections,
) -> None:
    use_script(fails=True)
    correct_a_drawing(window)
    dialog = open_training(window)
    dialog.train()
    reason = "The training failed: digits-train: the disk is full"
    window.wait_until(lambda: dialog.text == reason)
    assert not models_folder(corrections).exists()


def test_closing_the_window_ends_the_training(
    window: Any, correct_a_drawing: Callable[[Any], None], use_script: Callable[..., None]
) -> None:
    use_script(waits=True)
    correct_a_drawing(window)
    dialog = open_training(window)
    dialog.train()
    window.wait_until(lambda: "\na line about fit" in dialog.text)
    run = dialog._run
    dialog.destroy()
    run.join()
    assert run._process.returncode is not None


def test_opening_the_window_again_shows_the_training_that_is_running(
    window: Any, correct_a_drawing: Callable[[Any], None], use_script: Callable[..., None]
) -> None:
    use_script(waits=True)
    first = open_training(window)
    correct_a_drawing(window)
    dialog = open_training(window)
    assert dialog is not first
    assert dialog.text == "There is 1 corrected drawing."
    dialog.train()
    run = dialog._run
    assert open_training(window) is dialog
    assert dialog._run is run
    dialog.destroy()
    run.join()
    assert open_training(window).text == "There is 1 corrected drawing."


def test_two_runs_on_the_same_corrections_do_not_share_files(
    window: Any,
    correct_a_drawing: Callable[[Any], None],
    use_script: Callable[..., None],
    corrections: Corrections,
    run_folders: Path,
) -> None:
    use_script(waits=True)
    correct_a_drawing(window)
    events: list[queue.SimpleQueue[TrainingEvent]] = [queue.SimpleQueue(), queue.SimpleQueue()]
    runs = [TrainingRun(corrections, None, each.put) for each in events]
    try:
        for each in events:
            while (event := each.get(timeout=TIMEOUT_SECONDS)) != Progressed(1, "a line about fit"):
                assert isinstance(event, Progressed)
        assert len(list(run_folders.iterdir())) == 2
    finally:
        for run in runs:
            run.cancel()
            run.join()
    assert list(run_folders.iterdir()) == []


def test_without_the_extra_the_window_names_what_to_install(
    window: Any, correct_a_drawing: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(extras.MODULES, "train", ("no_such_module",))
    correct_a_drawing(window)
    dialog = open_training(window)
    assert dialog.text.startswith("The training cannot run: ")
    assert "digits[train]" in dialog.text
    assert dialog._train.instate(["disabled"])


def test_without_corrections_there_is_nothing_to_train_on(window: Any) -> None:
    dialog = open_training(window)
    assert dialog.text == "There are 0 corrected drawings."
    assert dialog._train.instate(["disabled"])


def test_a_named_server_keeps_its_model(window: Any, corrections: Corrections) -> None:
    (models_folder(corrections) / "8").mkdir(parents=True)
    assert open_training(window)._use.instate(["disabled"])
