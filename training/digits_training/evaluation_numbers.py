"""The section of the evaluation report about numbers."""

import io
from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from digits_client.look import LIGHT
from digits_client.percent import percent
from digits_client.report.charts import MIN_CALIBRATION_COUNT
from digits_client.report.filters import attributes
from digits_client.report.page import wide

from .evaluation_pictures import thumbnail
from .number_results import NumberResults, SinglesAsNumbers, with_all

EXAMPLE_COUNT: Final = 9
MISTAKE_COUNT: Final = 15
"""Number of further images of each kind that were not read right."""
PICTURE_SIZE: Final = (220, 84)


def numbers_section(results: Sequence[NumberResults], singles: Sequence[SinglesAsNumbers]) -> str:
    """Return the figures of all sets of numbers, and pictures of what was read."""
    if not results:
        return ""
    head = ("images", "right", "digits right", "calibration error", "by chance", "as one digit")
    rows = [
        (
            each.number_set.title,
            f"{len(each.texts):,}",
            f"{each.accuracy:.1%}",
            f"{each.digit_accuracy:.1%}",
            *(
                f"{error:.1%}" if len(each.texts) >= MIN_CALIBRATION_COUNT else ""
                for error in (each.calibration_error, each.chance_error)
            ),
            f"{each.one_digit_share:.1%}",
        )
        for each in with_all(results)
    ]
    single_head = ("images", "right as a digit", "right as a number", "found to be several")
    single_rows = [
        (
            each.title,
            f"{each.count:,}",
            f"{each.digit_accuracy:.2%}",
            f"{each.number_accuracy:.2%}",
            f"{each.several_share:.2%}",
        )
        for each in singles
    ]
    return (
        "<p>A number is right if its whole text is. <i>Digits right</i> is by edit "
        "distance, and the calibration error is that of the confidence of whole numbers; <i>by "
        "chance</i> is what it would be on average if the confidence were exactly right. <i>As one "
        "digit</i> is the share that is read as a digit if the image is said to hold one.</p>"
        f"{_table('Numbers', head, rows)}"
        "<section><h3>Single digits that are said to be numbers</h3>"
        f"{_table('Single digits', single_head, single_rows)}</section>"
        f"{''.join(map(_pictures, results))}"
    )


def _pictures(results: NumberResults) -> str:
    first = list(range(min(EXAMPLE_COUNT, len(results.texts))))
    wrong = [
        index
        for index in np.argsort(-results.confidences, kind="stable").tolist()
        if not results.is_right[index] and index not in first
    ]
    figures = "".join(_figure(results, index) for index in [*first, *wrong[:MISTAKE_COUNT]])
    title = escape(results.number_set.title)
    shown = f"The first {len(first)}, and what was read wrongly, the most confident first."
    return (
        f"<section><h3>{title}: {results.accuracy:.1%} right</h3><p>{shown}</p>"
        f'<div class="sheet numbers">{figures}</div></section>'
    )


def _figure(results: NumberResults, index: int) -> str:
    number_set = results.number_set
    label, text = number_set.texts[index], results.texts[index]
    confidence = float(results.confidences[index])
    shown = f"<b>{escape(text or 'not a number')}</b>"
    caption = shown if text == label else f"{label} → {shown}"
    if text:
        caption += f" · {percent(confidence)}"
    picture = thumbnail(_picture(results, index), "", PICTURE_SIZE)
    name = escape(number_set.image_name(index))
    about = attributes("digit", text, confidence) if text else attributes("not_a_digit")
    return (
        f'<figure title="{escape(number_set.title)}: {name}" {about}>'
        f'<span class="picture">{picture}</span><span class="name">{name}</span>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _picture(results: NumberResults, index: int) -> Image.Image:
    """Return an image of a set with the boxes of what was read."""
    number_set, number = results.number_set, results.numbers[index]
    if number_set.files:
        with Image.open(io.BytesIO(number_set.files[index])) as image:
            shown = ImageOps.exif_transpose(image).convert("RGB")
    else:
        shown = Image.fromarray(number_set.images[index]).convert("RGB")
    draw = ImageDraw.Draw(shown)
    line_width = max(1, round(shown.width / PICTURE_SIZE[0]))
    color = LIGHT.accent if results.is_right[index] else LIGHT.bad
    for left, top, width, height in (place.box for place in number.places) if number else ():
        draw.rectangle((left, top, left + width, top + height), outline=color, width=line_width)
    return shown


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("", *head))
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        f"{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    return wide(f"<table><thead><tr>{heads}</tr></thead>{body}</table>", title)
