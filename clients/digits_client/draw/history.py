"""Earlier results with their drawings. Does not use Tk."""

import csv
import io
from collections import deque
from dataclasses import dataclass
from typing import Final

from PIL import Image

from digits_client.percent import NOT_A_DIGIT_TEXT, percent
from digits_client.results import Number, Verdict

from .drawing import Content
from .pictures import viewable

MAX_RESULTS: Final = 100
_COLUMNS: Final = ("number", "verdict", "confidence", "model_version")
_THUMBNAIL_SIDE: Final = 400


@dataclass(frozen=True)
class EarlierResult:
    """A drawing, and what was read in it."""

    content: Content
    number: Number
    thumbnail: Image.Image
    """The ink with a margin, or the picture; at most 400 pixels long."""

    @property
    def texts(self) -> tuple[str, str]:
        """What was read, and how sure it is or why it is not a digit."""
        if self.number.text:
            return self.number.text, percent(self.number.share)
        is_blank = self.number.digits[0].verdict is Verdict.BLANK
        return "?", "blank" if is_blank else NOT_A_DIGIT_TEXT


class History:
    """The latest results, the newest first."""

    def __init__(self) -> None:
        self._results: deque[EarlierResult] = deque(maxlen=MAX_RESULTS)

    @property
    def results(self) -> list[EarlierResult]:
        """The results, the newest first."""
        return list(self._results)

    def keep(self, content: Content, image: Image.Image, number: Number) -> None:
        """Keep a result; one of the same content is replaced.

        Args:
            content: What is on the sheet.
            image: The image that was sent.
            number: What was read.
        """
        for result in self.results:
            if result.content == content:
                self._results.remove(result)
        self._results.appendleft(EarlierResult(content, number, _thumbnail(image, content)))

    def to_csv(self) -> str:
        """Return all results as CSV with a header, the oldest first."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(_COLUMNS)
        for result in reversed(self._results):
            number, first = result.number, result.number.digits[0]
            confidence = f"{number.share:.4f}" if number.text else ""
            verdict = Verdict.DIGIT if number.text else first.verdict
            writer.writerow((number.text, verdict, confidence, first.model_version))
        return out.getvalue()


def _thumbnail(image: Image.Image, content: Content) -> Image.Image:
    small = viewable(image).convert("RGB")
    if content.picture is None:
        points = [point for stroke in content.strokes for point in stroke.points]
        margin = max((stroke.width for stroke in content.strokes), default=0) + 8
        small = small.crop(
            (
                max(0, round(min(x for x, _ in points) - margin)),
                max(0, round(min(y for _, y in points) - margin)),
                min(image.width, round(max(x for x, _ in points) + margin)),
                min(image.height, round(max(y for _, y in points) + margin)),
            )
        )
    small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    return small
