"""Makes the fixtures available. Without Tk there are none, and these tests are left out."""

from tests.needs import HAS_TK

# Pytest reads this file first, and does not leave out a folder that its configuration names.
if HAS_TK:
    from tests.window.fixtures import *  # noqa: F403
else:
    collect_ignore_glob = ["test_*.py"]

    def pytest_report_header() -> str:
        """Report that these tests are left out."""
        return "the window's tests are left out: this Python has no Tk (Debian: python3-tk)"
