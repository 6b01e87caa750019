"""Settings of a training run."""

import dataclasses

import pytest

from digits_training.errors import TrainingError
from digits_training.settings import FitSettings


def test_the_default_network_is_the_shipped_one() -> None:
    assert FitSettings.for_network("compact") == FitSettings()
    assert FitSettings().network == "compact"


def test_the_tutorials_defaults_are_those_of_the_tutorial() -> None:
    settings = FitSettings.for_network("tutorial")
    assert (settings.epochs, settings.batch_size, settings.learning_rate) == (10, 128, 1.0)
    assert settings.teacher_epochs == 0
    assert settings.validation_count == 0


def test_a_value_replaces_a_default_but_none_does_not() -> None:
    settings = FitSettings.for_network("tutorial", epochs=3, seed=None, patience=4)
    assert (settings.epochs, settings.seed, settings.patience) == (3, 1, 4)


def test_zero_replaces_a_default() -> None:
    settings = FitSettings.for_network("compact", teacher_epochs=0, validation_count=0, seed=0)
    assert (settings.teacher_epochs, settings.validation_count, settings.seed) == (0, 0, 0)


def test_settings_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FitSettings().epochs = 3  # type: ignore[misc]  # the assignment under test


def test_the_line_network_starts_from_the_shipped_one_without_a_teacher() -> None:
    settings = FitSettings.for_network("line")
    assert (settings.start_from, settings.teacher_epochs) == ("shipped", 0)
    assert FitSettings.for_network("line", start_from="runs/mine").start_from == "runs/mine"
    assert FitSettings.for_network("line", start_from="runs/mine").epochs == settings.epochs
    with pytest.raises(TrainingError, match="'long' is for the network 'compact'"):
        FitSettings.for_network("line", "long")
