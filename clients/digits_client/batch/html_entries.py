"""The images in the HTML report: contact sheets of thumbnails, and a table of all."""

import os
import urllib.parse
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Final

from digits_client.errors import InvalidImageError
from digits_client.percent import percent
from digits_client.report.filters import attributes
from digits_client.sources import containing_file, is_url, item

from .report_data import SheetImage
from .rows import Row
from .thumbnails import thumbnail
from .wording import counted

VERDICTS: Final = {
    "digit": "digit",
    "not_a_digit": "not a digit",
    "blank": "blank",
    "failed": "failed",
}

# As HTML. The others are simply not a digit.
_REASONS: Final = {
    "too_small": "too small to read",
    "too_faint": "too faint to read",
    "several_digits": "several digits; <code>--numbers</code> reads them",
}


class Entries:
    """Renders images, with links relative to the folder of the page."""

    def __init__(self, folder: Path, limit_bytes: int, *, are_numbers: bool) -> None:
        """Store the arguments.

        Args:
            folder: The folder of the page.
            limit_bytes: Maximum size of an image that gets a thumbnail.
            are_numbers: Whether the images are of numbers, whose thumbnails are wider.
        """
        self._style = "sheet numbers" if are_numbers else "sheet"
        self._folder = os.path.realpath(folder)
        self._limit_bytes = limit_bytes

    def sheet(self, images: Sequence[SheetImage], count: int, order: str) -> Iterator[str]:
        """Yield a contact sheet.

        Args:
            images: The first images.
            count: The number of all.
            order: A sentence on their order.
        """
        yield f'<p class="soft">{order}{_extent(len(images), count)}</p>'
        yield f'<div class="{self._style}">'
        for image in images:
            yield self._tile(image)
        yield "</div>"

    def table(self, images: Sequence[SheetImage], count: int) -> Iterator[str]:
        """Yield a table of images, which is closed at first.

        Args:
            images: The first images.
            count: The number of all.
        """
        has_labels = any(image.label is not None for image in images)
        shown = "Table" if len(images) == count else f"Table of the first {len(images):,}"
        yield f"<details><summary>{shown} of {counted(count, 'image')}</summary>"
        heads = '<th scope="col">image</th><th scope="col" class="result">result</th>'
        heads += '<th scope="col">label</th>' if has_labels else ""
        heads += '<th scope="col">confidence</th>'
        yield f'<table class="all"><thead><tr>{heads}</tr></thead><tbody>'
        for image in images:
            label = ""
            if has_labels:
                style = "" if image.label in (None, image.row.text) else ' class="labeled"'
                label = f"<td{style}>{image.label or ''}</td>"
            row = image.row
            yield (
                f'<tr {_attributes(row)}><td><a href="{_text(self._link(image.location))}">'
                f'{_breakable(row.path)}</a></td><td class="result">{_result(row)}</td>{label}'
                f"<td>{_confidence(row)}</td></tr>"
            )
        yield "</tbody></table></details>"

    def _tile(self, image: SheetImage) -> str:
        row = image.row
        caption = f"{_result(row)} {_confidence(row)}".strip()
        if image.label not in (None, row.text):
            caption += f', <span class="labeled">labeled {image.label}</span>'
        return (
            f'<figure title="{_text(row.path)}" {_attributes(row)}>'
            f'<a href="{_text(self._link(image.location))}">'
            f'<span class="picture">{self._thumbnail(image)}</span>'
            f'<span class="name">{_name(row.path)}</span></a>'
            f"<figcaption>{caption}</figcaption></figure>"
        )

    def _thumbnail(self, image: SheetImage) -> str:
        try:
            uri = thumbnail(item(image.location).read(self._limit_bytes), image.row.boxes)
        except InvalidImageError:
            uri = None
        return f'<img src="{uri}" alt="">' if uri else "no preview"

    def _link(self, location: str) -> str:
        if is_url(location):
            return location
        try:
            file = os.path.relpath(os.path.realpath(containing_file(location)), self._folder)
        except ValueError:  # a NUL in a list of paths, or on Windows another drive
            file = location
        return urllib.parse.quote(os.fsencode(file))


def _extent(shown_count: int, count: int) -> str:
    if count < 2:
        return ""
    part = "All" if shown_count == count else f"The first {shown_count} of"
    return f" {part} {count:,} are shown."


def _attributes(row: Row) -> str:
    confidence = None if row.text is None else row.share
    return attributes(row.verdict or "failed", row.text or "", confidence)


def _result(row: Row) -> str:
    """Return what was recognized, or why nothing was."""
    result = f"<b>{row.text or VERDICTS[row.verdict or 'failed']}</b>"
    if details := _text(row.error or "") or _REASONS.get(row.reason or ""):
        result += f": {details}"
    if row.unread_pages:
        result += f", {counted(row.unread_pages, 'further page')} not read"
    return result


def _confidence(row: Row) -> str:
    """Return the confidence of a digit or a number; what is neither has none."""
    return "" if row.text is None else percent(row.share)


def _name(path: str) -> str:
    """Return the folder and the file of a path."""
    return _breakable("/".join(path.split("/")[-2:]))


def _breakable(path: str) -> str:
    """Return a path that may break after each folder."""
    return _text(path).replace("/", "/<wbr>")


def _text(text: str) -> str:
    readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return escape(readable)
