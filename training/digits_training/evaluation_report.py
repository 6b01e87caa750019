"""An HTML page with a network's metrics and its worst mistakes as pictures.

The page is a single file that loads nothing from the network, so it can be mailed or archived
with a model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from itertools import groupby
from pathlib import Path

import numpy as np

from digits_client.look import CHART_ACCENT, CHART_LINE, style_sheet

from .eval_results import EvalResults
from .evaluation_examples import mistakes, scenes
from .evaluation_numbers import numbers_section
from .evaluation_pictures import reliability_chart, robustness_chart
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
    title = escape(report.title)
    parts = [f"<h1>{title}</h1>", _summary(report)]
    parts += [f'<p class="soft">{escape(note)}</p>' for note in report.notes]
    parts += [_confusion(each) for each in report.results if each.eval_set.name == "mnist"]
    parts.append(_reliability(report.results))
    if report.robustness:
        parts.append(_robustness(report.robustness))
    parts.append(numbers_section(report.numbers, report.singles))
    parts.append(scenes(report.results))
    parts += [mistakes(results) for results in report.results]
    facts = [(escape(name), escape(value)) for name, value in report.provenance.items()]
    parts += ["<h2>Provenance</h2>", _table("facts", [], facts)]
    style = resources.files(__package__).joinpath("evaluation_report.css").read_text("utf-8")
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>
{style_sheet()}{style}</style></head><body>
{"".join(part + chr(10) for part in parts if part)}</body></html>
"""


def _summary(report: Report) -> str:
    rows = []
    for results in report.results:
        eval_set = results.eval_set
        is_measured = eval_set.has_digits or eval_set.is_blank
        accuracy = f"{results.accuracy:.2%}" if is_measured else ""
        error = f"{results.calibration_error:.2%}" if eval_set.has_digits else ""
        readings = f"{results.readings_per_image:.2f}"
        link = f'<a href="#{escape(eval_set.name)}">{escape(eval_set.title)}</a>'
        count, not_a_digit = f"{len(results.labels):,}", f"{results.not_a_digit_share:.2%}"
        rows.append((link, count, accuracy, not_a_digit, error, readings))
    head = ["", "images", "right", "not a digit", "calibration error", "readings per image"]
    table = _table("", head, rows)
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
    """Return MNIST's confusion matrix, whose colors show the mistakes only."""
    counts = Metrics.compute(results.forced.probs, results.labels).confusion
    highest = max(1, int((counts - np.diag(counts.diagonal())).max()))
    rows = [f'<tr><th scope="col"></th>{"".join(f"<th>{digit}</th>" for digit in range(10))}</tr>']
    for digit, row in enumerate(counts.tolist()):
        cells = [
            f"<td><b>{count}</b></td>"
            if predicted == digit
            else f'<td style="--share:{count / highest:.0%}">{count or "·"}</td>'
            for predicted, count in enumerate(row)
        ]
        rows.append(f'<tr><th scope="row">{digit}</th>{"".join(cells)}</tr>')
    return (
        "<h2>Confusion matrix of MNIST</h2><p>A row for each true digit, a column for each top "
        'digit, whatever the verdict.</p><div class="wide"><table class="confusion">'
        f"{''.join(rows)}</table></div>"
    )


def _reliability(results: Iterable[EvalResults]) -> str:
    charts = [
        _figure(
            reliability_chart(each),
            f"{each.eval_set.title}: calibration error {each.calibration_error:.2%}",
        )
        for each in results
        if each.eval_set.has_digits
    ]
    if not charts:
        return ""
    return (
        "<h2>Calibration</h2><p>Each dot stands for the predictions of similar confidence: its "
        "size shows how many they are, its height the share of them that is right. Dots below "
        f'the line are overconfident.</p><div class="charts">{"".join(charts)}</div>'
    )


def _robustness(results: Sequence[CorruptionResult]) -> str:
    baseline = next(result for result in results if result.corruption == "none")
    lowest = min(result.accuracy for result in results)
    corrupted = [result for result in results if result is not baseline]
    charts, rows = [], []
    for name, group in groupby(corrupted, lambda result: result.corruption):
        steps = list(group)
        charts.append(_figure(robustness_chart(steps, baseline.accuracy, lowest), name))
        cells = [f"{s.accuracy:.1%}<br><small>at {s.severity:g}</small>" for s in steps]
        rows.append((escape(f"{name} ({steps[0].unit})"), *cells))
    return (
        "<h2>Robustness</h2><p>The share of corrupted images that is right "
        f"{_key(CHART_ACCENT)} by the verdict and {_key(CHART_LINE)} by the top "
        "digit, whatever the verdict. The broken line is the share without corruption, "
        f"{baseline.accuracy:.1%}. Pixels refer to a canvas of 300.</p>"
        f'<div class="charts">{"".join(charts)}</div><details><summary>Table of the shares right '
        f"by the verdict</summary>{_table('', [], rows)}</details>"
    )


def _key(color: str) -> str:
    """Return a square in the color of a line of a chart."""
    return f'<span class="key" style="background:{color}"></span>'


def _table(css_class: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are HTML already; the first cell of a row is its heading."""
    lines = [f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>"] if head else []
    lines += [
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    ]
    return f'<div class="wide"><table class="{css_class}">{"".join(lines)}</table></div>'


def _figure(url: str, caption: str) -> str:
    text = escape(caption)
    return f'<figure><figcaption>{text}</figcaption><img src="{url}" alt="{text}"></figure>'
