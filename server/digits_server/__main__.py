"""Runs ``digits-server`` for ``python -m digits_server``."""

import sys

from .cli import main

sys.exit(main())
