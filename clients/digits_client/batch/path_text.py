r"""Paths in rows: as valid UTF-8, and in a form that no spreadsheet takes for a formula."""

import re
from typing import Final

# What OWASP lists under "CSV injection", with the full-width forms.
_FORMULA_STARTS: Final = frozenset("=+-@\t\r\n＝＋－＠")  # noqa: RUF001
_ESCAPED_BYTE: Final = re.compile(rb"\\x([0-9a-f]{2})")
_LIKE_ESCAPED_BYTE: Final = re.compile(r"\\(?=x[0-9a-f]{2})")


def to_utf8(text: str) -> str:
    r"""Return text with each byte that is not UTF-8 written as ``\xff``.

    A backslash that would look like the start of such a byte is written as ``\x5c``, so that
    ``from_utf8`` always returns the same text.

    Args:
        text: A path or a message, with other bytes as surrogates (``os.fsdecode``).
    """
    if text.isascii() and "\\" not in text:
        return text
    distinct = _LIKE_ESCAPED_BYTE.sub(r"\\x5c", text)
    return distinct.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def from_utf8(text: str) -> str:
    """Return the text that ``to_utf8`` was given."""
    if "\\x" not in text:
        return text
    encoded = text.encode("utf-8", "surrogateescape")
    decoded = _ESCAPED_BYTE.sub(lambda found: bytes.fromhex(found[1].decode()), encoded)
    return decoded.decode("utf-8", "surrogateescape")


def safe_path(path: str) -> str:
    """Return a path of the same file that a spreadsheet does not take for a formula.

    Only a relative path can look like a formula: ``=1.png`` becomes ``./=1.png``.
    """
    return f"./{path}" if path[:1] in _FORMULA_STARTS else path


def safe_text(text: str) -> str:
    """Return a message that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in _FORMULA_STARTS else text
