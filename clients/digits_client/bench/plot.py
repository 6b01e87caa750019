"""A plot of latency by percentile, as a self-contained SVG file."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .histogram import Histogram

_WIDTH: Final = 760
_HEIGHT: Final = 430
_LEFT: Final = 66
_RIGHT: Final = 24
_TOP: Final = 62
_BOTTOM: Final = 56
_TICKS: Final = [digit * 10.0**power for power in range(-6, 5) for digit in (1, 2, 5)]

_STYLE: Final = """\
:root { --ground: #fff; --text: #1c2530; --soft: #5d6875; --rule: #e3e7ec; --now: #2f6fbb;
  --before: #b9682a }
@media (prefers-color-scheme: dark) { :root { --ground: #14181d; --text: #e3e8ee;
  --soft: #98a3b0; --rule: #2b323b; --now: #6aa5ec; --before: #e0975a } }
.ground { fill: var(--ground) }
text { fill: var(--soft); font: 12px system-ui, sans-serif }
.title { fill: var(--text); font-size: 16px; font-weight: 600 }
.rule { stroke: var(--rule) }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round }
.now { stroke: var(--now) }
.before { stroke: var(--before); stroke-dasharray: 6 4 }"""


@dataclass(frozen=True)
class Curve:
    """A histogram to draw."""

    name: str
    """``now`` or ``before``; also its CSS class."""
    latency: Histogram


def svg(title: str, subtitle: str, curves: Sequence[Curve]) -> str:
    """Return the plot. The x axis is logarithmic: 90 to 99 % is as wide as 99 to 99.9 %.

    Args:
        title: Title in large type.
        subtitle: Details in small type.
        curves: The curves; those without times are not drawn.
    """
    curves = [curve for curve in curves if curve.latency.count]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" role="img">',
        f"<title>{html.escape(title)}</title>",
        f"<style>\n{_STYLE}\n</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{_HEIGHT}"/>',
        f'<text class="title" x="{_LEFT}" y="26">{html.escape(title)}</text>',
        f'<text x="{_LEFT}" y="45">{html.escape(subtitle)}</text>',
    ]
    if curves:
        axes = _Axes.around([curve.latency for curve in curves])
        parts += axes.render()
        parts += [_render_curve(curve, axes) for curve in curves]
        if len(curves) > 1:
            parts += _legend(curves)
    else:
        parts.append(f'<text x="{_LEFT}" y="{_HEIGHT / 2}">no call was successful</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


@dataclass(frozen=True)
class _Axes:
    nines: float
    """The largest x: the number of nines of a percentile, 3 for 99.9 %."""
    lowest: float
    highest: float

    @classmethod
    def around(cls, histograms: Sequence[Histogram]) -> "_Axes":
        # A thousand times resolve percentiles up to 99.9 %, which is three nines.
        nines = max(1.0, *(math.log10(histogram.count) for histogram in histograms))
        shortest = min(histogram.smallest for histogram in histograms)
        longest = max(histogram.largest for histogram in histograms)
        lowest = max((tick for tick in _TICKS if tick <= shortest), default=_TICKS[0])
        above = (tick for tick in _TICKS if tick > max(longest, lowest))
        highest = min(above, default=_TICKS[-1])
        return cls(nines, lowest, highest)

    def x(self, nines: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * nines / self.nines

    def y(self, seconds: float) -> float:
        share = math.log(max(seconds, self.lowest) / self.lowest)
        share /= math.log(self.highest / self.lowest)
        return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * share

    def render(self) -> list[str]:
        right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
        parts = []
        for seconds in (tick for tick in _TICKS if self.lowest <= tick <= self.highest):
            y = self.y(seconds)
            parts.append(_line(_LEFT, y, right, y))
            parts.append(_text(_LEFT - 8, y + 4, _duration(seconds), "end"))
        for nines, name in _percentiles(self.nines):
            x = self.x(nines)
            parts.append(_line(x, _TOP, x, bottom))
            parts.append(_text(x, bottom + 18, name, "middle"))
        parts.append(_text((_LEFT + right) / 2, bottom + 42, "percentile of the calls", "middle"))
        return parts


def _render_curve(curve: Curve, axes: _Axes) -> str:
    steps = 400
    last = math.log10(curve.latency.count)
    points = []
    for step in range(steps + 1):
        nines = last * step / steps
        time = curve.latency.percentile(1 - 10**-nines) or 0.0
        points.append(f"{axes.x(nines):.1f},{axes.y(time):.1f}")
    return f'<polyline class="curve {curve.name}" points="{" ".join(points)}"/>'


def _legend(curves: Sequence[Curve]) -> list[str]:
    parts = []
    for index, curve in enumerate(curves):
        x = _WIDTH - _RIGHT - 90 * (len(curves) - index)
        parts.append(f'<path class="curve {curve.name}" d="M{x} 22h26"/>')
        parts.append(_text(x + 32, 26, curve.name, "start"))
    return parts


def _percentiles(nines: float) -> list[tuple[float, str]]:
    whole = range(1, math.floor(nines) + 1)
    names = [(number, f"{100 - 100 / 10**number:.{max(0, number - 2)}f} %") for number in whole]
    return [(0, "0 %"), (math.log10(2), "50 %"), *names]


def _duration(seconds: float) -> str:
    return f"{seconds:g} s" if seconds > 0.99 else f"{1000 * seconds:g} ms"


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="rule" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
