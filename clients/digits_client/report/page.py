"""The frame of a report: its head, its script, and the list of its sections."""

import base64
import hashlib
import importlib.resources
from collections.abc import Iterable
from functools import cache
from html import escape

from digits_client.look import style_sheet


def start(title: str, css: str = "") -> str:
    """Return a page up to the start of its content.

    Args:
        title: The title of the page.
        css: A style sheet in addition to that of all reports.
    """
    digest = base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{escape(title)}</title>"
        f"<style>{style_sheet()}{_resource('report.css')}{css}</style></head><body><main>"
    )


def end() -> str:
    """Return the end of a page, with the script of the filter."""
    return f"</main><script>{_script()}</script></body></html>"


def contents(sections: Iterable[tuple[str, str]]) -> str:
    """Return links to the sections of a page.

    Args:
        sections: The id and the title of each section, as text.
    """
    links = (f'<a href="#{escape(anchor)}">{escape(title)}</a>' for anchor, title in sections)
    return f'<nav aria-label="Sections">{" ".join(links)}</nav>'


def wide(content: str, title: str) -> str:
    """Return a table that scrolls sideways where it is wider than the page, also by keyboard."""
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(title)}">{content}</div>'
    )


@cache
def _script() -> str:
    return _resource("report.js")


def _resource(name: str) -> str:
    return importlib.resources.files(__package__).joinpath(name).read_text("utf-8")
