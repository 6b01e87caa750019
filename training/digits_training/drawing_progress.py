"""Progress of drawing the examples of a mixture, which takes minutes."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .frame_jobs import on_finished
from .progress import Progress

# Milliseconds per item by the name of the function, measured on one core. Only their ratios matter.
_COSTS: Final = {
    "redraw_image": 2.5,
    "_draw_recording": 2.5,
    "_draw_template": 1.9,
    "_draw_scribble": 5.0,
    "_draw_joined": 5.7,
    "_draw_fragment": 2.9,
    "_read_scene": 8.3,
    "_read_blank": 8.0,
    "_read_number": 13.0,
    "_read_composed": 10.0,
    "_read_blank_strips": 10.0,
}
_TITLES: Final = {
    "_read_scene": "scenes",
    "_read_blank": "images without writing",
    "_read_number": "numbers",
    "_read_composed": "numbers",
    "_read_blank_strips": "images without writing",
}


@contextlib.contextmanager
def log_drawing(logger: logging.Logger, counts: Mapping[str, int]) -> Iterator[None]:
    """Log the progress of everything that ``run_jobs`` does in the context.

    Args:
        logger: Logger of the lines.
        counts: Number of items for each function that ``run_jobs`` will call, by its name.
    """
    total = sum(count * _COSTS[name] for name, count in counts.items())
    progress = Progress(logger, "Drawing")
    done = 0.0

    def report(make: Any, count: int) -> None:
        nonlocal done
        done += count * _COSTS[make.__name__]
        progress.update(done / total, _TITLES.get(make.__name__, "pen strokes"))

    token = on_finished.set(report)
    try:
        yield
    finally:
        on_finished.reset(token)
