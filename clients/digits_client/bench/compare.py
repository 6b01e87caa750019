"""A comparison of a result with an earlier one."""

from .result import Figures, Result
from .result_file import Baseline, settings
from .tables import align_columns, format_number


def compare(baseline: Baseline, result: Result) -> list[str]:
    """Return the lines of a table of ratios, then warnings about instability and differences."""
    before, now = _rows(baseline.figures), _rows(result.figures)
    rows = [("", "before", "now", "ratio")]
    for name, value in now.items():
        old = before.get(name)
        ratio = f"x {value / old:.2f}" if old and value is not None else "-"
        rows.append((name, format_number(old), format_number(value), ratio))
    unstable = [
        f"the throughput {when} was not stable, so the ratios are unreliable"
        for when, is_stable in (("before", baseline.is_stable), ("now", result.is_stable))
        if not is_stable
    ]
    return [*align_columns(rows).splitlines(), *unstable, *_differences(baseline, result)]


def _rows(figures: Figures) -> dict[str, float | None]:
    return {
        "calls/s": figures.calls_per_second,
        "goodput/s": figures.goodput_per_second,
        "images/s": figures.images_per_second,
        **{
            f"{name} ms": None if value is None else 1000 * value
            for name, value in figures.latency_seconds.items()
        },
    }


def _differences(baseline: Baseline, result: Result) -> list[str]:
    before = {
        **baseline.settings,
        "model": baseline.model_version,
        "precision": baseline.model_precision,
    }
    now = {
        **settings(result),
        "model": result.model_version,
        "precision": result.model_precision,
    }
    return [
        f"different {name}: {before.get(name)} before, {value} now"
        for name, value in now.items()
        if before.get(name) != value
    ]
