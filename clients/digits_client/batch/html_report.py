"""The report of a run as one self-contained HTML page, which loads nothing from elsewhere."""

import importlib.resources
import os
import urllib.parse
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Final

from digits_client.atomic_file import atomic_write
from digits_client.errors import InvalidImageError
from digits_client.look import style_sheet
from digits_client.sources import containing_file, is_url, item
from digits_client.special_file import is_special

from .columns import DIGITS
from .counters import Counters
from .evaluation import DigitEvaluation
from .html_charts import bar_chart, confusion_table, reliability_diagram
from .number_evaluation import NumberEvaluation
from .report_data import CONFIDENCE_BINS, ReportData, SheetImage
from .thumbnails import thumbnail
from .wording import counted

_VERDICTS: Final = {
    "digit": "digit",
    "not_a_digit": "not a digit",
    "blank": "blank",
    "failed": "failed",
}

# The others are simply not a digit.
_REASONS: Final = {
    "too_small": "too small to read",
    "too_faint": "too faint to read",
    "several_digits": "several digits; --numbers reads them",
}


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
        are_numbers = isinstance(report.evaluation, NumberEvaluation)
        sheets = _SheetRenderer(folder, limit_bytes, are_numbers=are_numbers)
        for piece in _page(report, counters, sheets):
            out.write(f"{piece}\n".encode("utf-8", "replace"))


def _page(report: ReportData, counters: Counters, sheets: "_SheetRenderer") -> Iterator[str]:
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    models = ", ".join(sorted(report.model_versions)) or "none"
    style = importlib.resources.files(__package__).joinpath("html_report.css").read_text("utf-8")
    yield '<!doctype html><html lang="en"><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield (
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
    )
    title = f"{counted(report.count, 'image')} recognized"
    yield f"<title>{title}</title><style>{style_sheet()}{style}</style>"
    yield f"<h1>{title}</h1>"
    yield f'<p class="soft">{when}; model {_text(models)}; {_text(str(counters))}</p>'
    yield from _charts(report)
    evaluation = report.evaluation
    kind = "numbers" if isinstance(evaluation, NumberEvaluation) else "digits"
    if evaluation.labeled_count:
        yield (
            f"<h2>Comparison with labels</h2><p><b>{evaluation.accuracy:.2%}</b> correct: "
            f"{evaluation.correct_count:,} of "
            f"{counted(evaluation.labeled_count, 'labeled image')}. Images that are not a digit, "
            "blank or failed are not correct. The calibration error of the "
            f"others is {evaluation.calibration_error:.2%}.</p>"
        )
        if isinstance(evaluation, DigitEvaluation) and len(evaluation.labels) > 1:
            yield confusion_table(evaluation)
        if isinstance(evaluation, NumberEvaluation):
            yield (
                f"<p>Digits that are right: <b>{evaluation.digit_accuracy:.2%}</b> of "
                f"{evaluation.digit_count:,}; {evaluation.mistakes}.</p>"
            )
            if evaluation.confusions:
                yield bar_chart("Commonest confusions", evaluation.confusions)
        yield reliability_diagram(evaluation)
        mismatches = report.mismatches()
        order = "The label may be the wrong one."
        yield from sheets.render("Most confident mismatches", order, mismatches, len(mismatches))
    for title, order, sheet in (
        (f"Least confident {kind}", "The least confident come first.", report.unsure),
        ("Not a digit, or blank", "Those most like a digit come first.", report.not_digits),
        ("Failed", "In the order of the run.", report.failed),
    ):
        yield from sheets.render(title, order, sheet.images, sheet.count)
    yield "</html>"


def _charts(report: ReportData) -> Iterator[str]:
    yield '<div class="charts">'
    yield bar_chart("Verdicts", [(name, report.verdicts[key]) for key, name in _VERDICTS.items()])
    yield bar_chart("Digits", [(str(digit), report.digits[str(digit)]) for digit in DIGITS])
    width = 100 // CONFIDENCE_BINS
    confidence = [
        (f"{index * width} to {(index + 1) * width} %", count)
        for index, count in enumerate(report.confidence)
    ]
    first = next((index for index, (_, count) in enumerate(confidence) if count), 0)
    yield bar_chart("Confidence", confidence[first:])
    yield "</div>"


class _SheetRenderer:
    """Renders contact sheets, with links relative to the folder of the page."""

    def __init__(self, folder: Path, limit_bytes: int, *, are_numbers: bool) -> None:
        self._style = "sheet numbers" if are_numbers else "sheet"
        self._folder = os.path.realpath(folder)
        self._limit_bytes = limit_bytes

    def render(
        self, title: str, order: str, images: Iterable[SheetImage], count: int
    ) -> Iterator[str]:
        shown = list(images)
        if not shown:
            return
        extent = "All" if len(shown) == count else f"The first {len(shown)} of"
        shown_part = f" {extent} {count:,} are shown." if count > 1 else ""
        yield f'<h2>{title}</h2><p class="soft">{order}{shown_part}</p>'
        yield f'<div class="{self._style}">'
        for image in shown:
            yield self._figure(image)
        yield "</div>"

    def _figure(self, image: SheetImage) -> str:
        row = image.row
        name = _text(row.path.rpartition("/")[2] or row.path)
        caption = f"<b>{row.text or _VERDICTS[row.verdict or 'failed']}</b>"
        if row.confidence and row.text:
            caption += f" {row.confidence:.1%}"
        if image.label is not None:
            caption += f", <span class='label'>labeled {image.label}</span>"
        if details := row.error or _REASONS.get(row.reason or ""):
            caption += f": {_text(details)}"
        if row.unread_pages:
            caption += f", {counted(row.unread_pages, 'further page')} not read"
        return (
            f'<figure title="{_text(row.path)}"><a href="{_text(self._link(image.location))}">'
            f"{self._thumbnail(image)}</a>"
            f"<figcaption>{name}<br>{caption}</figcaption></figure>"
        )

    def _thumbnail(self, image: SheetImage) -> str:
        try:
            uri = thumbnail(item(image.location).read(self._limit_bytes), image.row.boxes)
        except InvalidImageError:
            uri = None
        return f'<img src="{uri}" alt="" loading="lazy">' if uri else "no preview"

    def _link(self, location: str) -> str:
        if is_url(location):
            return location
        file = os.path.relpath(os.path.realpath(containing_file(location)), self._folder)
        return urllib.parse.quote(os.fsencode(file))


def _text(text: str) -> str:
    readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return escape(readable)
