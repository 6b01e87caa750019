"""Configuration of all tests."""

import signal

from tests.needs import HAS_TK

# A shell that runs the tests in the background makes them ignore SIGINT, which the processes that
# they start would inherit. (``preexec_fn`` is no alternative: it may deadlock next to gRPC.)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The window's tests import Tk when they are collected.
collect_ignore = [] if HAS_TK else ["window"]


def pytest_report_header() -> list[str]:
    """Report which tests are left out."""
    if HAS_TK:
        return []
    return ["the window's tests are left out: this Python has no Tk (Debian: python3-tk)"]
