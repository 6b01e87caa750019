"""What a training reports while it works."""

import logging
from pathlib import Path

import pytest

from digits_training import mixture, progress
from digits_training.datasets import Mnist
from digits_training.drawing_progress import log_drawing
from digits_training.frame_jobs import on_finished
from digits_training.progress import Progress, duration

logger = logging.getLogger("digits_training")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (3599, "1 h 0 min"), (4800, "1 h 20 min")],
)
def test_a_duration_is_in_the_unit_that_fits(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_time_left_follows_from_the_share_that_was_done_since_the_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "digits_training")
    clock = Clock()
    labeling = Progress(logger, "Labeling", start=0.5, clock=clock)
    clock.seconds = 100
    labeling.update(0.6)
    clock.seconds = 101
    labeling.update(0.61)  # too soon after the last line
    clock.seconds = 200
    labeling.update(0.7, "scenes")
    assert caplog.messages == [
        "Labeling: 60 %, about 7 min left",
        "Labeling (scenes): 70 %, about 5 min left",
    ]


@pytest.mark.usefixtures("small_mixture")
def test_the_progress_of_a_mixture_ends_at_its_whole(
    sample_mnist: Mnist,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shares = []
    monkeypatch.setattr(Progress, "update", lambda _, share, detail: shares.append(share))
    caplog.set_level(logging.INFO, "digits_training")
    mixture.build_mixture(sample_mnist, data_dir, 150, 1)
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.5
    # Some digits have no fragments, and so fewer items than expected.
    assert shares[-1] == pytest.approx(1, abs=0.05)
    assert "Drawing 529 images to learn from" in caplog.messages


def test_drawing_outside_a_mixture_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL_SECONDS", 0)
    with log_drawing(logger, {}):
        assert on_finished.get() is not None
    assert on_finished.get() is None
