"""What a training run is made of."""

import dataclasses

import pytest

from digits_training.settings import FitSettings


def test_the_default_is_the_network_that_ships() -> None:
    assert FitSettings.for_network("compact") == FitSettings()
    assert FitSettings().network == "compact"


def test_the_tutorials_run_is_as_it_was_written() -> None:
    settings = FitSettings.for_network("tutorial")
    assert (settings.epochs, settings.batch_size, settings.learning_rate) == (10, 128, 1.0)
    assert settings.teacher_epochs == 0
    assert settings.validation_count == 0


def test_a_change_replaces_a_default_and_none_is_no_change() -> None:
    settings = FitSettings.for_network("tutorial", epochs=3, seed=None, patience=4)
    assert (settings.epochs, settings.seed, settings.patience) == (3, 1, 4)


def test_a_change_to_nothing_or_off_is_a_change() -> None:
    settings = FitSettings.for_network("compact", teacher_epochs=0, validation_count=0, seed=0)
    assert (settings.teacher_epochs, settings.validation_count, settings.seed) == (0, 0, 0)


def test_settings_cannot_be_changed_once_made() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FitSettings().epochs = 3  # type: ignore[misc]  # which is the point
