"""Which batch sizes a model is made ready for: the engine's images a second in calls of 256."""

import functools

import numpy as np

from benchmarks.choices.comparison import Choice, in_turn
from benchmarks.limits import requests
from benchmarks.limits.batch import images_per_second
from digits_server import engine, models
from digits_server.frames import make_frame
from digits_server.settings import SHIPPED_MODELS, Settings

SIZES = {
    "1": (1,),
    "up to 4": (4, 2, 1),
    "up to 16": (16, 8, 4, 2, 1),
    "up to 32": (32, 16, 8, 4, 2, 1),
    "up to 64": (64, 32, 16, 8, 4, 2, 1),
    "up to 256": (256, 128, 64, 32, 16, 8, 4, 2, 1),
}
SECONDS = 0.7


def measure(rounds: int) -> Choice:
    """Load the shipped model once for each set of sizes."""
    frames = np.stack(
        [make_frame(requests.gray(image)) for image in requests.batch(requests.Form.RAW28)]
    )
    content = (
        SHIPPED_MODELS / str(max(models.versions(SHIPPED_MODELS))) / models.MODEL_FILE
    ).read_bytes()
    ships = engine.BATCH_SIZES

    def rate(sizes: tuple[int, ...], made: engine.LiteRtEngine) -> float:
        engine.BATCH_SIZES = sizes  # type: ignore[assignment,misc]  # what is compared
        return images_per_second(lambda: made.predict(frames), SECONDS)

    ways = {}
    try:
        for name, sizes in SIZES.items():
            engine.BATCH_SIZES = sizes  # type: ignore[assignment,misc]
            made = engine.LiteRtEngine(content, Settings().threads)
            ways[name] = functools.partial(rate, sizes, made)
        values = in_turn(ways, rounds)
    finally:
        engine.BATCH_SIZES = ships  # type: ignore[misc]
    return Choice(
        "batch_sizes",
        "Which batch sizes is the model made ready for?",
        "up to 16",
        "images/s",
        is_less_better=False,
        ways=values,
    )
