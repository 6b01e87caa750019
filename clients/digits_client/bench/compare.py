"""A result beside an earlier one."""

from .document import Earlier
from .result import Figures, Result
from .tables import columns, number


def comparison(earlier: Earlier, result: Result) -> list[str]:
    """Return the lines that tell what is different, and how many times more each figure is."""
    before, now = _figures(earlier.figures), _figures(Figures.of(result.merged, result.options))
    rows = [("", "before", "now", "ratio")]
    for name, value in now.items():
        old = before.get(name)
        ratio = f"x {value / old:.2f}" if old and value is not None else "-"
        rows.append((name, number(old), number(value), ratio))
    unstable = [
        f"the throughput {when} was not stable, so that the ratios say little"
        for when, is_stable in (("before", earlier.is_stable), ("now", result.is_stable))
        if not is_stable
    ]
    return [*columns(rows).splitlines(), *unstable, *_differences(earlier, result)]


def _figures(figures: Figures) -> dict[str, float | None]:
    return {
        "calls/s": figures.calls_per_second,
        "goodput/s": figures.goodput_per_second,
        "images/s": figures.images_per_second,
        **{
            f"{name} ms": None if value is None else 1000 * value
            for name, value in figures.latency_seconds.items()
        },
    }


def _differences(earlier: Earlier, result: Result) -> list[str]:
    before = {**earlier.settings, "model": earlier.model_version}
    now = {**result.options.settings, "model": result.model_version}
    return [
        f"another {name}: {before.get(name)} before, {value} now"
        for name, value in now.items()
        if before.get(name) != value
    ]
