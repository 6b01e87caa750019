"""Charts of reports: bars, a confusion matrix and a reliability diagram."""

from collections.abc import Sequence
from html import escape
from typing import Final

from digits_client.percent import percent

MIN_BIN_COUNT: Final = 20
"""Number of images from which a range of confidence has a dot in the reliability diagram."""
MIN_CALIBRATION_COUNT: Final = 100
"""Number of images from which calibration is measured at all."""

Reliability = Sequence[tuple[float, float, int]]
"""For each filled range: mean confidence, share of correct images, number of images."""


def bar_chart(title: str, values: Sequence[tuple[str, int]], level: int = 2) -> str:
    """Return a titled bar for each name and count; that of an empty one is seen to be empty.

    Args:
        title: The heading.
        values: Names and counts.
        level: The level of the heading, 1 to 6.
    """
    largest = max((count for _, count in values), default=0) or 1
    rows = "".join(
        f'<tr{"" if count else " class=empty"}><th scope="row">{escape(name)}</th>'
        f'<td>{count:,}</td><td><span class="trough">'
        + (f'<span style="width: {100 * count / largest:.1f}%"></span>' * bool(count))
        + "</span></td></tr>"
        for name, count in values
    )
    heading = f"<h{level}>{escape(title)}</h{level}>"
    return f'<div class="chart">{heading}<table class="bars">{rows}</table></div>'


def confusion_table(
    labels: Sequence[int], columns: Sequence[str], counts: Sequence[Sequence[int]]
) -> str:
    """Return a confusion matrix, which also fits a phone.

    Correct cells are shaded by their share of the row, wrong ones relative to the largest.

    Args:
        labels: The label of each row; the column of the same index is the correct one.
        columns: The names of the outcomes.
        counts: For each label, the images by outcome.
    """
    wrong = [
        count
        for label, row in zip(labels, counts, strict=True)
        for column, count in enumerate(row)
        if column != label
    ]
    largest_wrong = max((1, *wrong))
    longest = max((3, *(len(_short(count)) for row in counts for count in row)))
    heads = "".join(
        f'<th scope="col"{" class=long" * (len(name) > 1)}><span>{escape(name)}</span></th>'
        for name in columns
    )
    rows = []
    for label, row in zip(labels, counts, strict=True):
        total = max(sum(row), 1)
        cells = "".join(
            f'<td class="{_style(count, is_right=column == label)}" '
            f'title="{count:,} of {label}: {escape(columns[column])}" '
            f'style="--share: {85 * count / (total if column == label else largest_wrong):.1f}">'
            f"{_short(count) if count else '·'}</td>"
            for column, count in enumerate(row)
        )
        rows.append(f'<tr><th scope="row">{label}</th>{cells}</tr>')
    sizes = f"--columns: {len(columns) + 1}; --characters: {longest}"
    return (
        f'<div class="matrix"><table class="confusion" style="{sizes}"><thead><tr>'
        f'<th scope="col" class="long"><span>label</span></th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def has_enough(bins: Reliability) -> bool:
    """Return whether there are enough images for a reliability diagram."""
    drawn_count = sum(count >= MIN_BIN_COUNT for _, _, count in bins)
    return drawn_count >= 2 and sum(count for _, _, count in bins) >= MIN_CALIBRATION_COUNT


def reliability_diagram(bins: Reliability, title: str) -> str:
    """Return a diagram of the share of correct images by confidence.

    Ranges with fewer than MIN_BIN_COUNT images are left out, which a sentence says. If less than
    two ranges or MIN_CALIBRATION_COUNT images remain, a sentence stands instead of the diagram.

    Args:
        bins: The ranges.
        title: What the images are, for those who cannot see the diagram.
    """
    drawn = [each for each in bins if each[2] >= MIN_BIN_COUNT]
    if not has_enough(bins):
        count = sum(count for _, _, count in bins)
        return (
            f'<p class="soft">Not drawn from too few images: it takes {MIN_CALIBRATION_COUNT} with '
            f"a digit, and at least {MIN_BIN_COUNT} in two or more ranges of confidence. Here are "
            f"{count:,}, and {_ranges(len(drawn))} with {MIN_BIN_COUNT}.</p>"
        )

    def position(x: float, y: float) -> str:
        return f'cx="{30 + 200 * x:.1f}" cy="{215 - 200 * y:.1f}"'

    largest = max(count for _, _, count in drawn)
    dots = "".join(
        f'<circle {position(confidence, correct)} r="{3 + 6 * (count / largest) ** 0.5:.1f}">'
        f"<title>{count:,} images: {percent(confidence)} confident, {correct:.1%} correct"
        "</title></circle>"
        for confidence, correct, count in drawn
    )
    left_out = [count for _, _, count in bins if count < MIN_BIN_COUNT]
    note = ""
    if left_out:
        note = (
            f" Left out: {_ranges(len(left_out))} of confidence with fewer than {MIN_BIN_COUNT} "
            f"images, {sum(left_out):,} in all."
        )
    return (
        '<p class="soft">On the diagonal, the confidence is the share of images that are correct; '
        f"larger dots stand for more images.{note}</p>"
        f'<svg viewBox="0 0 250 240" role="img" aria-label="Reliability: {escape(title)}">'
        '<path d="M30 15V215H230M30 215L230 15"/>'
        '<text x="30" y="231" text-anchor="middle">0</text>'
        '<text x="130" y="231" text-anchor="middle">confidence</text>'
        '<text x="240" y="231" text-anchor="end">100 %</text>'
        '<text x="25" y="219" text-anchor="end">0</text>'
        f'<text x="34" y="18">100 % correct</text>{dots}</svg>'
    )


def line_chart(
    title: str,
    steps: Sequence[str],
    lines: Sequence[tuple[str, Sequence[float]]],
    *,
    base: float,
    least: float,
) -> str:
    """Return a diagram of shares over steps.

    Args:
        title: What the diagram shows, for those who cannot see it.
        steps: The name of each step.
        lines: The class of each line, which gives its color, and its share at each step, 0 to 1.
        base: The share that a broken line shows, for comparison.
        least: The share at the lower edge, less than 1.
    """
    left, right, top, bottom = 38, 244, 8, 112

    def place(step: int, share: float) -> tuple[float, float]:
        x = left + (right - left) * (step + 0.5) / len(steps)
        return round(x, 1), round(bottom - (bottom - top) * (share - least) / (1 - least), 1)

    grid = "".join(
        f'<path class="grid" d="M{left} {y}H{right}"/>'
        f'<text x="{left - 5}" y="{y + 4}" text-anchor="end">{share:.0%}</text>'
        for share in (least, (1 + least) / 2, 1)
        for y in [place(0, share)[1]]
    )
    names = "".join(
        f'<text x="{place(step, least)[0]}" y="{bottom + 16}" text-anchor="middle">'
        f"{escape(name)}</text>"
        for step, name in enumerate(steps)
    )
    drawn = "".join(
        f'<polyline class="{css_class}" points="{" ".join(map("{0[0]},{0[1]}".format, places))}"/>'
        + "".join(
            f'<circle class="{css_class}" cx="{x}" cy="{y}" r="3.5">'
            f"<title>{escape(step)}: {share:.1%}</title></circle>"
            for step, share, (x, y) in zip(steps, shares, places, strict=True)
        )
        for css_class, shares in lines
        for places in [[place(step, share) for step, share in enumerate(shares)]]
    )
    y = place(0, base)[1]
    return (
        f'<svg viewBox="0 0 250 132" role="img" aria-label="{escape(title)}">{grid}{names}'
        f'<path class="base" d="M{left} {y}H{right}"/>{drawn}</svg>'
    )


def _ranges(count: int) -> str:
    return "1 range" if count == 1 else f"{count or 'no'} ranges"


def _style(count: int, *, is_right: bool) -> str:
    return ("right" if is_right else "wrong") + ("" if count else " zero")


def _short(count: int) -> str:
    """Return a count in at most four characters, where that is possible."""
    return str(count) if count < 10_000 else f"{count / 1000:.0f}k"
