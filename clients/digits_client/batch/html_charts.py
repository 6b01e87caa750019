"""Charts of the HTML report: bars, a confusion matrix and a reliability diagram."""

from .columns import DIGITS
from .evaluation import OTHER_OUTCOMES, DigitEvaluation, Evaluation
from .wording import counted


def bar_chart(title: str, values: list[tuple[str, int]]) -> str:
    """Return a titled bar for each name and count."""
    largest = max((count for _, count in values), default=0) or 1
    rows = "".join(
        f"<tr><th>{name}</th><td>{count:,}</td><td>"
        + (f'<span class="bar" style="width: {100 * count / largest:.1f}%"></span>' * bool(count))
        + "</td></tr>"
        for name, count in values
    )
    return f'<section><h2>{title}</h2><table class="bars">{rows}</table></section>'


def confusion_table(evaluation: DigitEvaluation) -> str:
    """Return the confusion matrix, with recall and precision of each digit that is a label.

    Correct cells are shaded by their share of the row, wrong ones relative to the largest.
    """
    names = [*map(str, DIGITS), *(name.replace("_", " ") for name in OTHER_OUTCOMES)]
    heads = "".join(f"<th>{name}</th>" for name in ("label", *names, "recall", "precision"))
    largest_wrong = max(
        1,
        *(
            count
            for digit in evaluation.labels
            for column, count in enumerate(evaluation.confusion[digit])
            if column != digit
        ),
    )
    rows = []
    for digit in evaluation.labels:
        counts = evaluation.confusion[digit]
        total = max(sum(counts), 1)
        cells = "".join(
            f'<td class="{"right" if column == digit else ""}{"" if count else "zero"}" '
            f'style="--share: {85 * count / (total if column == digit else largest_wrong):.1f}">'
            f"{count or '·'}</td>"
            for column, count in enumerate(counts)
        )
        shares = "".join(
            f"<th>{'' if share is None else f'{share:.1%}'}</th>"
            for share in (evaluation.recall[digit], evaluation.precision[digit])
        )
        rows.append(f"<tr><th>{digit}</th>{cells}{shares}</tr>")
    return (
        f'<div class="wide"><table class="confusion"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def reliability_diagram(evaluation: Evaluation) -> str:
    """Return a diagram of the share of correct images by confidence."""

    def position(x: float, y: float) -> str:
        return f'cx="{30 + 200 * x:.1f}" cy="{215 - 200 * y:.1f}"'

    largest = max((count for _, _, count in evaluation.reliability), default=1)
    dots = "".join(
        f'<circle {position(confidence, correct)} r="{3 + 6 * (count / largest) ** 0.5:.1f}" '
        f'fill="var(--accent)" fill-opacity=".8"><title>{counted(count, "image")}: '
        f"{confidence:.1%} confident, {correct:.1%} correct</title></circle>"
        for confidence, correct, count in evaluation.reliability
    )
    return (
        '<p class="soft">Share of correct images by confidence. On the diagonal, the confidence '
        "is the true share; larger dots stand for more images.</p>"
        '<svg viewBox="0 0 250 250" role="img" aria-label="reliability diagram">'
        '<path d="M30 15V215H230M30 215L230 15" fill="none" stroke="var(--line)"/>'
        '<text x="30" y="230" text-anchor="middle">0</text><text x="240" y="230" '
        'text-anchor="end">100 % confident</text><text x="26" y="219" text-anchor="end">0</text>'
        f'<text x="36" y="20">100 % correct</text>{dots}</svg>'
    )
