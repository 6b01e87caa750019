"""What holds for all tests."""

import importlib.util

HAS_TK = importlib.util.find_spec("_tkinter") is not None

# Tests of the window import Tk when they are collected.
collect_ignore = [] if HAS_TK else ["window"]


def pytest_report_header() -> list[str]:
    """Say what is left out."""
    if HAS_TK:
        return []
    return ["tests of the window are left out: this Python has no Tk (Debian: python3-tk)"]
