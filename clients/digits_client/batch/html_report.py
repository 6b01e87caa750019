"""A run's report as one page of HTML that needs no other file and asks no other host."""

import importlib.resources
import os
import urllib.parse
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Final

import numpy as np

from digits_client.errors import InvalidImageError
from digits_client.sources import containing_file, is_url, item

from .columns import DIGITS
from .counters import Tally
from .evaluation import OTHER_ANSWERS, Evaluation
from .report_data import CONFIDENCE_BINS, Picture, Report, Sheet
from .thumbnails import thumbnail

_VERDICTS: Final = {
    "digit": "a digit",
    "not_a_digit": "not a digit",
    "blank": "blank",
    "failed": "failed",
}


def write(path: Path, report: Report, tally: Tally, limit_bytes: int) -> None:
    """Write the page; it is whole or not there.

    Args:
        path: The file.
        report: What was collected.
        tally: How many there were, and how fast.
        limit_bytes: The most that is read of an image for its picture.

    Raises:
        OSError: It cannot be written.
    """
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", errors="replace") as out:
        for piece in _page(report, tally, _Pictures(path.parent, limit_bytes)):
            out.write(piece + "\n")
    part.replace(path)


def _page(report: Report, tally: Tally, pictures: "_Pictures") -> Iterator[str]:
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    models = ", ".join(sorted(report.model_versions)) or "none"
    yield '<!doctype html><html lang="en"><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield (
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
    )
    yield f"<title>{report.count:,} images recognized</title><style>{_style()}</style>"
    yield f"<h1>{report.count:,} images recognized</h1>"
    yield f'<p class="soft">{when}; model {_text(models)}; {_text(str(tally))}</p>'
    yield '<div class="charts">'
    verdicts = [(name, report.verdicts[key]) for key, name in _VERDICTS.items()]
    yield _bars("What was found", verdicts)
    yield _bars("Which digit", [(str(digit), report.digits[digit]) for digit in DIGITS])
    width = 100 // CONFIDENCE_BINS
    confidence = [
        (f"{place * width} to {(place + 1) * width} %", int(count))
        for place, count in enumerate(report.confidence)
    ]
    first = next((place for place, (_, count) in enumerate(confidence) if count), 0)
    yield _bars("How sure of the digit", confidence[first:])
    yield "</div>"
    if report.evaluation.labelled_count:
        yield from _evaluation(report.evaluation)
        yield from pictures.sheet(
            "Surest answers that are not the label",
            "It may be the label that is wrong.",
            report.disagreements(),
            len(report.disagreements()),
        )
    yield from _sheet(
        pictures, "Least sure", "Digits with the least confidence come first.", report.unsure
    )
    yield from _sheet(
        pictures,
        "Turned away",
        "No digit, or blank; what is most like a digit comes first.",
        report.rejected,
    )
    yield from _sheet(pictures, "Failed", "In the order of the run.", report.failed)
    yield "</html>"


def _style() -> str:
    return importlib.resources.files(__package__).joinpath("page.css").read_text("utf-8")


def _sheet(pictures: "_Pictures", title: str, order: str, sheet: Sheet) -> Iterator[str]:
    return pictures.sheet(title, order, sheet.pictures, sheet.count)


class _Pictures:
    """Contact sheets, with links as they lead from the page's folder."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = os.path.realpath(folder)
        self._limit_bytes = limit_bytes

    def sheet(
        self, title: str, order: str, pictures: Iterable[Picture], count: int
    ) -> Iterator[str]:
        shown = list(pictures)
        if not shown:
            return
        of = "All" if len(shown) == count else f"The first {len(shown)}"
        yield f'<h2>{title}</h2><p class="soft">{order} {of} of {count:,}.</p>'
        yield '<div class="sheet">'
        for picture in shown:
            yield self._figure(picture)
        yield "</div>"

    def _figure(self, picture: Picture) -> str:
        row = picture.row
        name = _text(row.path.rpartition("/")[2] or row.path)
        caption = f"<b>{_answer(row.verdict, row.digit)}</b>"
        if row.confidence and row.digit is not None:
            caption += f" {row.confidence:.1%}"
        if picture.label is not None:
            caption += f", <span class='label'>labelled {picture.label}</span>"
        if row.error:
            caption += f": {_text(row.error)}"
        return (
            f'<figure title="{_text(row.path)}"><a href="{_text(self._link(picture.location))}">'
            f"{self._image(picture.location)}</a><figcaption>{name}<br>{caption}</figcaption></figure>"
        )

    def _image(self, location: str) -> str:
        try:
            found = thumbnail(item(location).read(self._limit_bytes))
        except InvalidImageError:
            found = None
        if found is None:
            return "no picture"
        return f'<img src="{found}" alt="" loading="lazy">'

    def _link(self, location: str) -> str:
        if is_url(location):
            return location
        file = os.path.relpath(os.path.realpath(containing_file(location)), self._folder)
        return urllib.parse.quote(os.fsencode(file))


def _evaluation(evaluation: Evaluation) -> Iterator[str]:
    yield (
        f"<h2>Compared with labels</h2><p><b>{evaluation.accuracy:.2%}</b> right: "
        f"{evaluation.right_count:,} of {evaluation.labelled_count:,} labelled images. "
        "What is turned away, blank or failed is not right. The calibration error of the digits is "
        f"{evaluation.calibration_error:.2%}.</p>"
    )
    yield '<div class="wide"><table class="confusion"><thead><tr><th>label</th>'
    heads = [*map(str, DIGITS), *(answer.replace("_", " ") for answer in OTHER_ANSWERS)]
    yield "".join(f"<th>{head}</th>" for head in (*heads, "recall", "precision"))
    yield "</tr></thead><tbody>"
    wrong = evaluation.confusion.copy()
    np.fill_diagonal(wrong, 0)
    most_wrong = max(int(wrong.max()), 1)
    for digit in DIGITS:
        counts = evaluation.confusion[digit]
        whole = max(int(counts.sum()), 1)
        cells = "".join(
            f'<td class="{"right" if place == digit else ""}{"" if count else "zero"}" '
            f'style="--share: {85 * count / (whole if place == digit else most_wrong):.1f}">'
            f"{count or '·'}</td>"
            for place, count in enumerate(counts)
        )
        shares = "".join(
            f"<th>{'' if share is None else f'{share:.1%}'}</th>"
            for share in (evaluation.recall[digit], evaluation.precision[digit])
        )
        yield f"<tr><th>{digit}</th>{cells}{shares}</tr>"
    yield "</tbody></table></div>"
    yield _reliability(evaluation)


def _reliability(evaluation: Evaluation) -> str:
    def place(x: float, y: float) -> str:
        return f'cx="{30 + 200 * x:.1f}" cy="{215 - 200 * y:.1f}"'

    most = max((count for _, _, count in evaluation.reliability), default=1)
    dots = "".join(
        f'<circle {place(confidence, right)} r="{3 + 6 * (count / most) ** 0.5:.1f}" '
        f'fill="var(--bar)" fill-opacity=".8"><title>{count:,} images: {confidence:.1%} sure, '
        f"{right:.1%} right</title></circle>"
        for confidence, right, count in evaluation.reliability
    )
    return (
        '<p class="soft">How often it is right, by how sure it is. On the line its confidence '
        "means what it says; the larger a dot, the more images.</p>"
        '<svg viewBox="0 0 250 250" role="img" aria-label="reliability diagram">'
        '<path d="M30 15V215H230M30 215L230 15" fill="none" stroke="var(--rule)"/>'
        '<text x="30" y="230" text-anchor="middle">0</text><text x="240" y="230" '
        'text-anchor="end">100 % sure</text><text x="26" y="219" text-anchor="end">0</text>'
        f'<text x="36" y="20">100 % right</text>{dots}</svg>'
    )


def _bars(title: str, values: list[tuple[str, int]]) -> str:
    most = max((count for _, count in values), default=0) or 1
    rows = "".join(
        f"<tr><th>{name}</th><td>{count:,}</td><td>"
        + (f'<span class="bar" style="width: {100 * count / most:.1f}%"></span>' if count else "")
        + "</td></tr>"
        for name, count in values
    )
    return f'<section><h2>{title}</h2><table class="bars">{rows}</table></section>'


def _answer(verdict: str | None, digit: int | None) -> str:
    return _VERDICTS[verdict or "failed"] if digit is None else str(digit)


def _text(text: str) -> str:
    readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return escape(readable)
