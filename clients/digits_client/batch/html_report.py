"""The report of a run as one self-contained HTML page, which loads nothing from elsewhere."""

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

from digits_client.atomic_file import atomic_write
from digits_client.report import filters
from digits_client.report.charts import bar_chart, confusion_table, reliability_diagram
from digits_client.report.page import contents, end, start, wide
from digits_client.special_file import is_special

from .columns import DIGITS
from .counters import Counters
from .evaluation import OTHER_OUTCOMES, DigitEvaluation, Evaluation
from .html_entries import VERDICTS, Entries
from .number_evaluation import NumberEvaluation
from .report_data import CONFIDENCE_BINS, ContactSheet, ReportData
from .wording import counted


class _Section(NamedTuple):
    anchor: str
    title: str
    html: Iterator[str]


def write(path: Path, report: ReportData, counters: Counters, limit_bytes: int) -> None:
    """Write the page, which gets its name once it is complete.

    Args:
        path: The file.
        report: The data of the report.
        counters: The counts and the rate of the run.
        limit_bytes: Maximum size of an image that gets a thumbnail.

    Raises:
        OSError: The file cannot be written.
    """
    with atomic_write(path) as out:
        folder = Path() if is_special(path) else path.parent  # nobody opens a page in /dev
        entries = Entries(folder, limit_bytes, are_numbers=_are_numbers(report))
        for piece in _page(report, counters, entries):
            out.write(f"{piece}\n".encode("utf-8", "replace"))


def _page(report: ReportData, counters: Counters, entries: Entries) -> Iterator[str]:
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    models = ", ".join(sorted(report.model_versions)) or "none"
    title = f"{counted(report.count, 'image')} recognized"
    sections = list(_sections(report, entries))
    yield start(title)
    yield f"<h1>{title}</h1>"
    yield f'<p class="soft">{when}; model {escape(models)}; {escape(str(counters))}</p>'
    if report.count:
        verdicts = {key: name for key, name in VERDICTS.items() if report.verdicts[key]}
        yield filters.form(verdicts, are_numbers=_are_numbers(report))
    yield contents([(section.anchor, section.title) for section in sections])
    yield from _charts(report)
    for section in sections:
        yield f'<section><h2 id="{section.anchor}">{section.title}</h2>'
        yield from section.html
        yield "</section>"
    yield end()


def _charts(report: ReportData) -> Iterator[str]:
    yield '<div class="charts"><div>'
    yield bar_chart("Verdicts", [(name, report.verdicts[key]) for key, name in VERDICTS.items()])
    yield bar_chart("Digits", [(str(digit), report.digits[str(digit)]) for digit in DIGITS])
    yield "</div>"
    width = 100 // CONFIDENCE_BINS
    yield bar_chart(
        "Confidence",
        [
            (f"{index * width} to {(index + 1) * width} %", count)
            for index, count in enumerate(report.confidence)
        ],
    )
    yield "</div>"


def _sections(report: ReportData, entries: Entries) -> Iterator[_Section]:
    """Yield the sections that the run has something for."""
    kind = "numbers" if _are_numbers(report) else "digits"
    if report.evaluation.labeled_count:
        yield _Section("labels", "Comparison with labels", _comparison(report.evaluation))
    if report.mismatches():
        yield _Section("mismatches", "Most confident mismatches", _mismatches(report, entries))
    if report.digits:
        title = f"Least confident {kind}"
        yield _Section("unsure", title, _unsure(report, entries))
    for anchor, title, order, sheet in (
        ("others", "Not a digit, or blank", _OTHERS_ORDER, report.not_digits),
        ("failed", "Failed", "In the order of the run.", report.failed),
        ("sure", f"Sure {kind}", "In the order of the run.", report.sure),
    ):
        if sheet.count:
            yield _Section(anchor, title, _sheet(sheet, order, entries))
    if report.first:
        yield _Section("all", "All images", entries.table(report.first, report.count))


_OTHERS_ORDER: Final = "Those most like a digit come first."


def _sheet(sheet: ContactSheet, order: str, entries: Entries) -> Iterator[str]:
    return entries.sheet(sheet.images, sheet.count, order)


def _mismatches(report: ReportData, entries: Entries) -> Iterator[str]:
    mismatches = report.mismatches()
    return entries.sheet(mismatches, len(mismatches), "The label may be the wrong one.")


def _unsure(report: ReportData, entries: Entries) -> Iterator[str]:
    limit = f"below {100 * report.unsure_below:g}%"
    if not report.unsure.count:
        yield f'<p class="soft">The confidence of none is {limit}.</p>'
        return
    if _are_numbers(report):
        limit += ", or with a place that is not a digit"
    order = f"Those with a confidence {limit}; the least confident come first."
    yield from _sheet(report.unsure, order, entries)


def _comparison(evaluation: Evaluation) -> Iterator[str]:
    error = evaluation.calibration_error
    yield (
        f"<p><b>{evaluation.accuracy:.2%}</b> correct: {evaluation.correct_count:,} of "
        f"{counted(evaluation.labeled_count, 'labeled image')}. Images that are not a digit, "
        "blank or failed are not correct."
        + ("" if error is None else f" The calibration error of the others is {error:.2%}.")
        + "</p>"
    )
    if isinstance(evaluation, NumberEvaluation):
        yield (
            f"<p>Digits that are right: <b>{evaluation.digit_accuracy:.2%}</b> of "
            f"{evaluation.digit_count:,}; {evaluation.mistakes}.</p>"
        )
        if evaluation.confusions:
            chart = bar_chart("Commonest confusions", evaluation.confusions, level=3)
            yield f'<div class="charts">{chart}</div>'
    if isinstance(evaluation, DigitEvaluation) and len(evaluation.labels) > 1:
        yield f'<div class="compared">{_confusion(evaluation)}{_shares(evaluation)}</div>'
    yield "<h3>Calibration</h3>"
    yield reliability_diagram(evaluation.reliability, "share of correct images by confidence")


def _confusion(evaluation: DigitEvaluation) -> str:
    """Return the confusion matrix with the ten digits, and what else was found."""
    counts = [evaluation.confusion[digit] for digit in evaluation.labels]
    others = [
        (len(DIGITS) + index, name)
        for index, name in enumerate(OTHER_OUTCOMES)
        if any(row[len(DIGITS) + index] for row in counts)
    ]
    columns = [*DIGITS, *(column for column, _ in others)]
    names = [*map(str, DIGITS), *(VERDICTS[name] for _, name in others)]
    return confusion_table(
        evaluation.labels, names, [[row[column] for column in columns] for row in counts]
    )


def _shares(evaluation: DigitEvaluation) -> str:
    """Return recall and precision of each digit that is a label."""
    rows = "".join(
        f'<tr><th scope="row">{digit}</th><td>{sum(evaluation.confusion[digit]):,}</td>'
        + "".join(
            f"<td>{'' if share is None else f'{share:.1%}'}</td>"
            for share in (evaluation.recall[digit], evaluation.precision[digit])
        )
        + "</tr>"
        for digit in evaluation.labels
    )
    heads = "".join(
        f'<th scope="col">{name}</th>' for name in ("label", "images", "recall", "precision")
    )
    return wide(
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>",
        "Recall and precision of each digit",
    )


def _are_numbers(report: ReportData) -> bool:
    return isinstance(report.evaluation, NumberEvaluation)
