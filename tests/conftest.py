"""Configuration of all tests."""

import importlib.util

HAS_TK = importlib.util.find_spec("_tkinter") is not None

# The window's tests import Tk when they are collected.
collect_ignore = [] if HAS_TK else ["window"]


def pytest_report_header() -> list[str]:
    """Report which tests are left out."""
    if HAS_TK:
        return []
    return ["the window's tests are left out: this Python has no Tk (Debian: python3-tk)"]
