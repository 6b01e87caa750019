"""The examples of the evaluation report: images with their frames and predictions."""

from collections.abc import Iterable
from html import escape
from typing import Final

import numpy as np
from PIL import Image

from digits_client.percent import percent
from digits_client.report.filters import attributes
from digits_server.models.predictions import NO_DIGIT

from .eval_results import EvalResults
from .evaluation_pictures import picture, thumbnail
from .examples import to_bytes
from .recordings import NO_WRITING, NOT_A_DIGIT

MISTAKE_COUNT: Final = 40
EXAMPLE_COUNT: Final = 12
"""Number of scenes of each kind that are shown whether they are read right or not."""

VERDICTS: Final = {"digit": "digit", "not_a_digit": "not a digit", "blank": "blank"}

_LABELS: Final = {NOT_A_DIGIT: "not a digit", NO_WRITING: "blank"}


def scenes(results: Iterable[EvalResults]) -> str:
    """Return examples of each kind of scene, with their predictions and readings."""
    kinds = [each for each in results if each.eval_set.name.startswith("scenes-")]
    if not kinds:
        return ""
    parts = []
    for each in kinds:
        count = min(EXAMPLE_COUNT, len(each.labels))
        examples = "".join(_example(each, index) for index in range(count))
        title = escape(each.eval_set.title.partition(": ")[2])
        parts.append(
            f"<section><h3>{title}: {each.accuracy:.1%} right</h3>"
            f'<div class="sheet pairs">{examples}</div></section>'
        )
    return (
        "<p>The first images of each kind. The image is on the left, the network's "
        "frame of it on the right. Below them are the prediction and the reading that was taken: "
        f"the way in which ink was told from ground.</p>{''.join(parts)}"
    )


def mistakes(results: EvalResults) -> str:
    """Return the most confident mistakes: image, frame, prediction and reading."""
    eval_set = results.eval_set
    confidence = np.where(results.is_blank, 0, results.top_digit_probs)
    indices = np.argsort(-confidence, kind="stable")
    indices = indices[~results.is_right[indices]]
    heading = f'<h2 id="{escape(eval_set.name)}">{escape(eval_set.title)}: '
    if not len(indices):
        return f"{heading}no mistakes</h2>"
    misread = int((~results.is_right & ~results.is_not_a_digit).sum())
    as_digit = "as another digit" if eval_set.has_digits else "as a digit"
    summary = f"{misread:,} read {as_digit}"
    if misread < len(indices) or eval_set.has_digits:
        summary += f", {len(indices) - misread:,} as not a digit"
    if len(indices) > MISTAKE_COUNT:
        summary += f"; the {MISTAKE_COUNT} most confident ones"
    pictures = "".join(_example(results, index) for index in indices[:MISTAKE_COUNT].tolist())
    count = "1 mistake" if len(indices) == 1 else f"{len(indices):,} mistakes"
    return (
        f"{heading}{count}</h2><p>{summary}. The image is on the left, the network's frame of it "
        f'on the right.</p><div class="sheet pairs">{pictures}</div>'
    )


def _example(results: EvalResults, index: int) -> str:
    label = int(results.labels[index])
    digit, confidence = int(results.digits[index]), float(results.confidence[index])
    if results.is_blank[index]:
        prediction, about = "<b>blank</b>", attributes("blank")
    elif results.is_not_a_digit[index]:
        # No figure: it would be that of a digit which the image is found not to be.
        most_like = "" if digit == NO_DIGIT else f", most like {digit}"
        prediction, about = f"<b>not a digit</b>{most_like}", attributes("not_a_digit")
    else:
        share = confidence * (1 - float(results.predictions.not_a_digit[index]))
        prediction = f"<b>{digit}</b> · {percent(share)}"
        about = attributes("digit", str(digit), share)
    caption = f"{_LABELS.get(label, str(label))} → {prediction}"
    image = thumbnail(picture(results.eval_set, index), "image")
    frame = thumbnail(Image.fromarray(to_bytes(results.predictions.frames[index])), "frame")
    title, name = escape(results.eval_set.title), escape(results.eval_set.image_name(index))
    return (
        f'<figure title="{title}: {name}" {about}>'
        f'<div class="pair"><span>{image}</span><span>{frame}</span></div>'
        f'<span class="name">{name}</span><figcaption>{caption}<br>'
        f"<small>{escape(results.reading_name(index))}</small></figcaption></figure>"
    )
