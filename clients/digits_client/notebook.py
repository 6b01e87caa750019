"""Results as HTML, which notebooks show in place of their ``repr``.

The HTML has styles within it, no scripts, and loads nothing. It takes its text color from the
notebook, so that it can be read in light and in dark themes.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Final, Protocol

from .look import (
    ANY_ACCENT,
    ANY_GRAY,
    ANY_PRESSED,
    ANY_UNSURE,
    GAP,
    LARGE,
    PAD,
    RADIUS,
    SMALL,
    font_families,
)
from .percent import NOT_A_DIGIT_TEXT, UNSURE_BELOW, digit_sureness, percent, sureness

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FONT: Final = font_families().replace('"', "'")
_CARD: Final = (
    f"display:flex;flex-wrap:wrap;align-items:center;gap:{GAP}em {PAD}em;padding:{GAP / 2}em 0;"
    f"font:14px/1.4 {_FONT}"
)
_SMALL: Final = f"font-size:{SMALL}em"
_SOFT: Final = f"{_SMALL};opacity:.75"
_LABELS: Final = (*map(str, range(10)), NOT_A_DIGIT_TEXT)
_REASONS: Final = {
    "too_small": "too small to read",
    "too_faint": "too faint to read",
    "several_digits": "several digits; recognize_number reads them",
}


class Digit(Protocol):
    """The fields of ``results.Prediction`` that are shown; ``results`` imports this module."""

    @property
    def verdict(self) -> str: ...  # noqa: D102
    @property
    def digit(self) -> int | None: ...  # noqa: D102
    @property
    def reason(self) -> str | None: ...  # noqa: D102
    @property
    def share(self) -> float: ...  # noqa: D102
    @property
    def shares(self) -> Sequence[float]: ...  # noqa: D102
    @property
    def model_version(self) -> str: ...  # noqa: D102
    @property
    def unread_pages(self) -> int: ...  # noqa: D102
    @property
    def frame(self) -> "NDArray[np.uint8] | None": ...  # noqa: D102


def prediction_html(prediction: Digit) -> str:
    """Return one prediction: the digit or why there is none, and a bar for each digit."""
    parts = [_frame(prediction, 64), _head(*_words(prediction), _notes(prediction))]
    if prediction.shares:
        parts.append("".join(_bars(prediction)))
    return f'<div style="{_CARD}">{"".join(parts)}</div>'


def number_html(text: str, confidence: float, digits: Sequence[Digit]) -> str:
    """Return one number: its text, and the digit at each place.

    Args:
        text: The digits, with "?" for a place that is not a digit.
        confidence: The probability that all of the text is right, 0 to 1.
        digits: The prediction for each place; without text, the one that says why.
    """
    if not text:
        return "".join(map(prediction_html, digits))
    rejected_count = text.count("?")
    caption = sureness(confidence)
    if rejected_count:
        caption = f"{rejected_count} of {len(text)} places not a digit"
    places = "".join(map(_place, digits))
    return f'<div style="{_CARD}">{_head(text, caption, _notes(digits[0]))}{places}</div>'


def file_html(path: str, result: Digit | Exception) -> str:
    """Return the result of a file, or its error, below the file's path."""
    if isinstance(result, Exception):
        reason = getattr(result, "reason", None) or str(result)
        shown = f'<div style="{_CARD}">{_text(reason)}</div>'
    else:
        shown = prediction_html(result)
    style = "color:inherit;background:none;padding:0 2px"
    return f'<div><code style="{style}">{_text(path)}</code>{shown}</div>'


def _text(text: str) -> str:
    """Return text as HTML; what is not UTF-8, as in the name of a file, is escaped."""
    return escape(text.encode("utf-8", "backslashreplace").decode())


def _words(prediction: Digit) -> tuple[str, str]:
    """Return the headline, and a caption as HTML."""
    if prediction.verdict == "blank":
        return "", "blank"
    if prediction.digit is None:
        return "?", _REASONS.get(prediction.reason or "", NOT_A_DIGIT_TEXT)
    return str(prediction.digit), _sureness(prediction, prediction.digit)


def _sureness(prediction: Digit, digit: int) -> str:
    return digit_sureness(digit, prediction.share, prediction.shares)


def _notes(prediction: Digit) -> str:
    pages = prediction.unread_pages
    unread = f"; {pages} further {'page' if pages == 1 else 'pages'} not read" if pages else ""
    return f"model {_text(prediction.model_version)}{unread}"


def _head(headline: str, caption: str, notes: str) -> str:
    size = "font-size:30px;font-weight:600;line-height:1.1;letter-spacing:.05em"
    shown = f'<div style="{size}">{_text(headline)}</div>' if headline else ""
    return f'<div>{shown}<div>{caption}</div><div style="{_SOFT}">{notes}</div></div>'


def _frame(prediction: Digit, size_px: int) -> str:
    """Return the frame as an image that holds its own content; nothing without a frame."""
    if prediction.frame is None:
        return ""
    from PIL import Image  # imported late: it takes long, and few results have a frame

    content = io.BytesIO()
    Image.fromarray(prediction.frame).save(content, "PNG")
    source = base64.b64encode(content.getvalue()).decode()
    style = f"width:{size_px}px;height:{size_px}px;margin:0;image-rendering:pixelated"
    return (
        f'<img alt="the frame that the model saw" src="data:image/png;base64,{source}" '
        f'style="{style};border:1px solid {ANY_GRAY};box-sizing:border-box">'
    )


def _bars(prediction: Digit) -> Iterator[str]:
    """Yield a bar for each digit, and one for what is not a digit."""
    shares = [
        f"{name}: {percent(share)}" for name, share in zip(_LABELS, prediction.shares, strict=True)
    ]
    row = f"display:flex;align-items:flex-start;gap:3px;{_SMALL};text-align:center"
    label = f"probabilities: {'; '.join(shares)}"
    yield f'<div role="img" aria-label="{label}" style="{row}">'
    track = f"height:48px;min-width:14px;display:flex;align-items:flex-end;background:{ANY_PRESSED}"
    track += f";border-radius:{RADIUS / 4}em;overflow:hidden"
    largest = max(prediction.shares)
    for name, title, share in zip(_LABELS, shares, prediction.shares, strict=True):
        fill = _color(prediction) if share == largest else ANY_GRAY
        bar = f"height:{min(share, 1):.0%};width:100%;background:{fill}"
        label = name.replace("a ", "a<br>")  # as narrow as the others
        filled = f'<div style="{track}"><div style="{bar}"></div></div>'
        yield f'<div title="{title}">{filled}{label}</div>'
    yield "</div>"


def _color(prediction: Digit) -> str:
    is_sure = prediction.digit is not None and prediction.share >= UNSURE_BELOW
    return ANY_ACCENT if is_sure else ANY_UNSURE


def _place(digit: Digit) -> str:
    """Return one place of a number."""
    text, caption = "?", NOT_A_DIGIT_TEXT
    if digit.digit is not None:
        text = str(digit.digit)
        caption = _sureness(digit, digit.digit).replace(", ", "<br>")
    style = f"text-align:center;border-top:3px solid {_color(digit)};align-self:flex-start"
    return (
        f'<div style="{style};padding-top:{GAP / 2}em">{_frame(digit, 40)}'
        f'<div style="font-size:{LARGE}em">{text}</div>'
        f'<div style="{_SOFT};min-width:48px">{caption}</div></div>'
    )
