"""An HTML page with a network's metrics and its worst mistakes as pictures.

The page is a single file that loads nothing from the network, so it can be mailed or archived
with a model.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from itertools import groupby
from pathlib import Path

from digits_client.report import filters
from digits_client.report.charts import (
    MIN_BIN_COUNT,
    MIN_CALIBRATION_COUNT,
    confusion_table,
    has_enough,
    line_chart,
    reliability_diagram,
)
from digits_client.report.page import contents, end, start, wide

from .eval_results import EvalResults
from .evaluation_examples import VERDICTS, mistakes, scenes
from .evaluation_numbers import numbers_section
from .metrics import Metrics
from .number_results import NumberResults, SinglesAsNumbers
from .robustness import CorruptionResult


@dataclass(frozen=True)
class Report:
    """The contents of a report."""

    title: str

    provenance: dict[str, str]
    """Origin of the network, such as the command, the commit and the versions."""

    results: list[EvalResults]

    numbers: list[NumberResults]
    """Of images of numbers."""

    singles: list[SinglesAsNumbers]
    """Of single digits that are read as numbers."""

    letters_auroc: float | None
    """AUROC of digits against letters; None if there are no letters."""

    robustness: tuple[CorruptionResult, ...] | None
    """None if it was not measured."""

    notes: list[str]
    """Sentences for the reader, such as which sets were skipped."""


def write_report(path: Path, report: Report) -> None:
    """Write a report as a self-contained HTML file.

    Args:
        path: The file, overwritten if it exists; its folder must exist.
        report: The contents.
    """
    path.write_text(page(report), "utf-8")


def page(report: Report) -> str:
    """Return a report as an HTML page."""
    parts = {
        ("confusion", "Confusion matrix of MNIST"): "".join(
            _confusion(each) for each in report.results if each.eval_set.name == "mnist"
        ),
        ("calibration", "Calibration"): _reliability(report.results),
        ("robustness", "Robustness"): _robustness(report.robustness) if report.robustness else "",
        ("numbers", "Numbers"): numbers_section(report.numbers, report.singles),
        ("scenes", "Scenes"): scenes(report.results),
        ("provenance", "Provenance"): _provenance(report.provenance),
    }
    shown = {titled: html for titled, html in parts.items() if html}
    style = resources.files(__package__).joinpath("evaluation_report.css").read_text("utf-8")
    lines = [start(report.title, style), f"<h1>{escape(report.title)}</h1>"]
    lines += [f'<p class="soft">{escape(note)}</p>' for note in report.notes]
    lines += [filters.form(VERDICTS), contents(shown)]
    lines.append(f"<section>{_summary(report)}</section>")
    lines += [
        f'<section><h2 id="{anchor}">{title}</h2>{html}</section>'
        for (anchor, title), html in shown.items()
        if anchor != "provenance"
    ]
    lines += [f"<section>{mistakes(results)}</section>" for results in report.results]
    lines.append(
        f'<section><h2 id="provenance">Provenance</h2>{parts["provenance", "Provenance"]}</section>'
    )
    return "\n".join([*lines, end(), ""])


def _summary(report: Report) -> str:
    rows = []
    for results in report.results:
        eval_set = results.eval_set
        is_measured = eval_set.has_digits or eval_set.is_blank
        accuracy = f"{results.accuracy:.2%}" if is_measured else ""
        error = chance = ""
        if eval_set.has_digits and len(results.labels) >= MIN_CALIBRATION_COUNT:
            error, chance = f"{results.calibration_error:.2%}", f"{results.chance_error:.2%}"
        readings = f"{results.readings_per_image:.2f}"
        link = f'<a href="#{escape(eval_set.name)}">{escape(eval_set.title)}</a>'
        count, not_a_digit = f"{len(results.labels):,}", f"{results.not_a_digit_share:.2%}"
        rows.append((link, count, accuracy, not_a_digit, error, chance, readings))
    head = ["", "images", "right", "not a digit", "calibration error", "by chance"]
    table = _table("Summary of all sets", [*head, "readings per image"], rows)
    table += (
        "<p>The calibration error <i>by chance</i> is what it would be on average if the "
        "confidence were exactly right.</p>"
    )
    if any(results.eval_set.is_blank for results in report.results):
        table += "<p>Blank images are right if the verdict is blank.</p>"
    if report.letters_auroc is None:
        return table
    return table + (
        f"<p>The AUROC of digits against letters is <b>{report.letters_auroc:.4f}</b>: the share "
        "of pairs of a digit and a letter in which the network finds the digit more likely to "
        "be a digit.</p>"
    )


def _confusion(results: EvalResults) -> str:
    """Return MNIST's confusion matrix."""
    counts = Metrics.compute(results.forced.probs, results.labels).confusion
    table = confusion_table(range(10), [str(digit) for digit in range(10)], counts.tolist())
    return f"<p>A row per true digit, a column per top digit, whatever the verdict.</p>{table}"


def _reliability(results: Iterable[EvalResults]) -> str:
    sets = [each for each in results if each.eval_set.has_digits]
    charts = []
    for each in sets:
        if has_enough(each.reliability):
            title = f"{each.eval_set.title}: calibration error {each.calibration_error:.2%}"
            diagram = reliability_diagram(each.reliability, title)
            charts.append(f"<div><h3>{escape(title)}</h3>{diagram}</div>")
    note = ""
    if len(charts) < len(sets):
        note = (
            '<p class="soft">Sets of too few images are not drawn: it takes '
            f"{MIN_CALIBRATION_COUNT}, and at least {MIN_BIN_COUNT} in two or more ranges of "
            f"confidence. Drawn: {len(charts)} of {len(sets)}.</p>"
        )
    return (f'<div class="charts">{"".join(charts)}</div>' if charts else "") + note


def _robustness(results: Sequence[CorruptionResult]) -> str:
    baseline = next(result for result in results if result.corruption == "none")
    # The same axis for all, with steps of 10 %.
    least = max(0.0, (min(result.accuracy for result in results) * 10 - 0.2) // 1 / 10)
    corrupted = [result for result in results if result is not baseline]
    charts, rows = [], []
    for name, group in groupby(corrupted, lambda result: result.corruption):
        steps = list(group)
        charts.append(_robustness_chart(name, steps, baseline.accuracy, least))
        cells = [f"{s.accuracy:.1%}<br><small>at {s.severity:g}</small>" for s in steps]
        rows.append((escape(f"{name} ({steps[0].unit})"), *cells))
    return (
        "<p>The share of corrupted images that is right "
        f"{_key('first')} by the verdict and {_key('second')} by the top "
        "digit, whatever the verdict. The broken line is the share without corruption, "
        f"{baseline.accuracy:.1%}. Pixels refer to a canvas of 300.</p>"
        f'<div class="charts">{"".join(charts)}</div><details><summary>Table of the shares right '
        f"by the verdict</summary>{_table('Robustness', [], rows)}</details>"
    )


def _robustness_chart(
    name: str, steps: Sequence[CorruptionResult], base: float, least: float
) -> str:
    """Return a chart of the shares right over the severities of one corruption."""
    title, severities = f"{name} ({steps[0].unit})", [f"{step.severity:g}" for step in steps]
    lines = (
        ("second", [step.top_digit_accuracy for step in steps]),
        ("first", [step.accuracy for step in steps]),
    )
    chart = line_chart(title, severities, lines, base=base, least=least)
    return f"<figure><figcaption>{escape(title)}</figcaption>{chart}</figure>"


def _key(css_class: str) -> str:
    """Return a square in the color of a line of a chart."""
    return f'<span class="key {css_class}"></span>'


def _provenance(facts: Mapping[str, str]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in facts.items()
    )
    return f'<table class="facts">{rows}</table>'


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are HTML already; the first cell of a row is its heading."""
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = [f"<thead><tr>{cells}</tr></thead>"] if head else []
    lines += [
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    ]
    return wide(f"<table>{''.join(lines)}</table>", title)
