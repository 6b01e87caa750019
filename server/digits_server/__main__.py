"""``python -m digits_server`` is ``digits-server``."""

import sys

from .cli import main

sys.exit(main())
