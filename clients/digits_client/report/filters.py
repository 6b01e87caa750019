"""The filter of a report: a form, and what entries say about themselves.

An entry is a tile or a row of a table. Without JavaScript there is no form, and all are shown.
"""

from collections.abc import Mapping
from html import escape


def attributes(verdict: str, text: str = "", confidence: float | None = None) -> str:
    """Return the attributes by which an entry is filtered.

    Args:
        verdict: A key of the form's verdicts.
        text: The digit or the number that was recognized, if any.
        confidence: Its confidence, 0 to 1.
    """
    values = f'data-verdict="{escape(verdict)}"'
    if text:
        values += f' data-text="{escape(text)}"'
    if confidence is not None:
        values += f' data-confidence="{100 * confidence:.4g}"'
    return values


def form(verdicts: Mapping[str, str], *, are_numbers: bool = False) -> str:
    """Return the form, which the script of the page shows.

    Args:
        verdicts: The name of each verdict of the entries.
        are_numbers: Whether entries are numbers, which may contain a digit.
    """
    named = [("", "any"), *verdicts.items()]
    digits = [("", "any"), *((str(digit), str(digit)) for digit in range(10))]
    return (
        '<form class="filter" role="search" aria-label="Filter" hidden>'
        '<label class="search">Search <input type="search" name="search" '
        'placeholder="name, folder or result"></label>'
        f"<label>Verdict {_select('verdict', named)}</label>"
        f"<label>{'Contains' if are_numbers else 'Read as'} {_select('digit', digits)}</label>"
        '<span class="range"><label>Confidence from <input type="number" name="least" min="0" '
        'max="100" step="any" inputmode="decimal"></label>'
        '<label>to <input type="number" name="most" min="0" max="100" step="any" '
        'inputmode="decimal"> %</label></span>'
        '<button type="reset">Show all</button><output role="status"></output></form>'
    )


def _select(name: str, options: list[tuple[str, str]]) -> str:
    listed = "".join(
        f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options
    )
    return f'<select name="{name}">{listed}</select>'
