"""Sets of images drawn from the pen strokes of writers that are held out of training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np

from . import canvases, pendigits, scenes, unipen
from .eval_set import EvalSet
from .recordings import NO_WRITING, Recording

HeldOutPart = Literal["validation", "test"]

SCENES_PER_KIND: Final = 200
BLANK_COUNT: Final = 1000

_SEEDS: Final[dict[HeldOutPart, int]] = {"test": 20, "validation": 21}


def pendigits_set(data_dir: Path | None, part: HeldOutPart = "test") -> EvalSet:
    """Return drawings of pendigits, with pens of 8 to 28 px on canvases of 300 px.

    Raises:
        DatasetError: The pen strokes are missing or cannot be read.
    """
    recordings = pendigits.load_pendigits(data_dir, part)
    return _as_written("strokes", "Pen strokes of unseen writers", recordings, part)


def unipen_set(data_dir: Path | None, part: HeldOutPart = "test") -> EvalSet:
    """Return drawings of UNIPEN's digits, with pens of 8 to 28 px on canvases of 300 px.

    Raises:
        DatasetError: The pen strokes are missing or cannot be read.
    """
    recordings = unipen.load_unipen_digits(data_dir, part)
    return _as_written("unipen", "UNIPEN digits of unseen writers", recordings, part)


def sign_sets(data_dir: Path | None, part: HeldOutPart = "test") -> list[EvalSet]:
    """Return drawings of UNIPEN's letters and of its other signs, without those like digits.

    Raises:
        DatasetError: The pen strokes are missing or cannot be read.
    """
    signs = unipen.load_unipen_signs(data_dir, part)
    letters = [sign for sign in signs if sign.character.isalpha()]
    others = [sign for sign in signs if not sign.character.isalpha()]
    return [
        _as_written("unipen-letters", "UNIPEN letters of unseen writers", letters, part),
        _as_written("unipen-signs", "UNIPEN signs of unseen writers", others, part),
    ]


def scene_sets(data_dir: Path | None, part: HeldOutPart = "test") -> list[EvalSet]:
    """Return 200 scenes of each kind, by writers of pendigits and of UNIPEN in turn.

    Raises:
        DatasetError: The pen strokes are missing or cannot be read.
    """
    pools = [
        pendigits.load_pendigits(data_dir, part),
        unipen.load_unipen_digits(data_dir, part),
    ]
    return [_scene_set(kind, pools, part) for kind in scenes.SCENE_KINDS]


def blank_set(part: HeldOutPart = "test") -> EvalSet:
    """Return 1,000 images of all kinds without writing, whose right verdict is BLANK."""
    random = np.random.default_rng(_SEEDS[part])
    kinds = [scenes.BLANK_KINDS[n % len(scenes.BLANK_KINDS)] for n in range(BLANK_COUNT)]
    files = [scenes.encode_pixels(kind, scenes.draw_blank(kind, random), random) for kind in kinds]
    labels = np.full(BLANK_COUNT, NO_WRITING, np.uint8)
    return EvalSet.of_files("blank", "Blank images", files, labels)


def _scene_set(kind: str, pools: Sequence[Sequence[Recording]], part: HeldOutPart) -> EvalSet:
    # A generator for each kind, so that a new kind leaves the others as they are.
    random = np.random.default_rng((_SEEDS[part], *kind.encode()))
    if kind == "slashed":
        pools = [[each for each in pool if each.label == 0] for pool in pools]
    chosen = [
        pool[int(random.integers(len(pool)))]
        for pool in (pools[n % len(pools)] for n in range(SCENES_PER_KIND))
    ]
    files = [
        scenes.encode(scenes.draw_scene(kind, each.strokes, random), random) for each in chosen
    ]
    labels = np.array([each.label for each in chosen], np.uint8)
    return EvalSet.of_files(f"scenes-{kind}", f"Scenes: {kind}", files, labels)


def _as_written(
    name: str, title: str, recordings: Sequence[Recording], part: HeldOutPart
) -> EvalSet:
    random = np.random.default_rng(_SEEDS[part])
    images = [canvases.draw_strokes_as_written(each.strokes, random) for each in recordings]
    labels = np.array([each.label for each in recordings], np.uint8)
    return EvalSet(name, title, images, labels)
