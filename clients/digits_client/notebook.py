"""Results as HTML, which notebooks show in place of their ``repr``.

The HTML has styles within it, no scripts, and loads nothing. It takes its text color from the
notebook, so that it can be read in light and in dark themes.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Final, Protocol

from .percent import percent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNSURE_BELOW: Final = 0.9
"""Confidence below which the second most likely digit is shown too."""

_SURE_COLOR: Final = "#3b82f6"
_UNSURE_COLOR: Final = "#d97706"
_SOFT_COLOR: Final = "rgba(128,128,128,.65)"
_TRACK_COLOR: Final = "rgba(128,128,128,.18)"
_CARD: Final = (
    "display:flex;flex-wrap:wrap;align-items:center;gap:8px 20px;padding:4px 2px;"
    "font:14px/1.3 system-ui,sans-serif"
)
_SMALL: Final = "font-size:12px;opacity:.75"
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
    def confidence(self) -> float: ...  # noqa: D102
    @property
    def probabilities(self) -> Sequence[float]: ...  # noqa: D102
    @property
    def model_version(self) -> str: ...  # noqa: D102
    @property
    def unread_pages(self) -> int: ...  # noqa: D102
    @property
    def frame(self) -> "NDArray[np.uint8] | None": ...  # noqa: D102


def prediction_html(prediction: Digit) -> str:
    """Return one prediction: the digit or why there is none, and a bar for each digit."""
    parts = [_frame(prediction, 64), _head(*_words(prediction), _notes(prediction))]
    if prediction.probabilities:
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
    caption = f"{escape(percent(confidence))} sure"
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
        return "?", _REASONS.get(prediction.reason or "", "not a digit")
    caption = f"{escape(percent(prediction.confidence))} sure"
    if prediction.confidence < UNSURE_BELOW and prediction.probabilities:
        caption += f", maybe {_second_digit(prediction)}"
    return str(prediction.digit), caption


def _second_digit(prediction: Digit) -> int:
    """Return the most likely digit except the predicted one."""
    shares = prediction.probabilities
    others = (digit for digit in range(len(shares)) if digit != prediction.digit)
    return max(others, key=lambda digit: shares[digit])


def _notes(prediction: Digit) -> str:
    pages = prediction.unread_pages
    unread = f"; {pages} further {'page' if pages == 1 else 'pages'} not read" if pages else ""
    return f"model {_text(prediction.model_version)}{unread}"


def _head(headline: str, caption: str, notes: str) -> str:
    size = "font-size:30px;font-weight:600;line-height:1.1;letter-spacing:.05em"
    shown = f'<div style="{size}">{_text(headline)}</div>' if headline else ""
    return f'<div>{shown}<div>{caption}</div><div style="{_SMALL}">{notes}</div></div>'


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
        f'style="{style};border:1px solid {_SOFT_COLOR};box-sizing:border-box">'
    )


def _bars(prediction: Digit) -> Iterator[str]:
    """Yield a bar for each digit. Without the verdict "digit", they have no figures."""
    is_digit = prediction.digit is not None
    shares = [escape(percent(share)) for share in prediction.probabilities]
    label = "resemblance to each digit, none of which it is"
    if is_digit:
        listed = "; ".join(f"{digit}: {share}" for digit, share in enumerate(shares))
        label = f"probability of each digit: {listed}"
    row = "display:flex;align-items:flex-end;gap:3px;font-size:12px;text-align:center"
    yield f'<div role="img" aria-label="{label}" style="{row}">'
    color = _SURE_COLOR if prediction.confidence >= UNSURE_BELOW else _UNSURE_COLOR
    track = f"height:48px;width:16px;display:flex;align-items:flex-end;background:{_TRACK_COLOR}"
    for digit, share in enumerate(prediction.probabilities):
        title = f' title="{digit}: {shares[digit]}"' if is_digit else ""
        fill = color if digit == prediction.digit else _SOFT_COLOR
        bar = f"height:{min(share, 1):.0%};width:100%;background:{fill}"
        bar += "" if is_digit else ";opacity:.5"
        yield f'<div{title}><div style="{track}"><div style="{bar}"></div></div>{digit}</div>'
    if not is_digit:
        box = f"height:48px;box-sizing:border-box;border:2px solid {_UNSURE_COLOR}"
        yield f'<div style="margin-left:6px"><div style="{box};font-size:24px;line-height:44px">'
        yield "?</div>not a digit</div>"
    yield "</div>"


def _place(digit: Digit) -> str:
    """Return one place of a number."""
    if digit.digit is None:
        text, caption, color = "?", "not a digit", _UNSURE_COLOR
    else:
        is_sure = digit.confidence >= UNSURE_BELOW
        text, color = str(digit.digit), _SURE_COLOR if is_sure else _UNSURE_COLOR
        caption = escape(percent(digit.confidence))
        if not is_sure and digit.probabilities:
            caption += f"<br>maybe {_second_digit(digit)}"
    style = f"text-align:center;border-top:3px solid {color};padding-top:4px;align-self:flex-start"
    return (
        f'<div style="{style}">{_frame(digit, 40)}<div style="font-size:20px">{text}</div>'
        f'<div style="{_SMALL};min-width:48px">{caption}</div></div>'
    )
