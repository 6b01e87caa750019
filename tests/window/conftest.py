"""Makes the fixtures available. Without Tk there are none, and these tests are left out."""

from tests.needs import HAS_TK

# Pytest reads this file before it knows which folders are left out.
if HAS_TK:
    from tests.window.fixtures import *  # noqa: F403
