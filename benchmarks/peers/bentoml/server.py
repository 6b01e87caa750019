"""Starts BentoML's server with the service in ``service.py``."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # bentoml resolves the service's path in the working directory.
    os.chdir(Path(__file__).parent)
    bentoml = str(Path(sys.executable).with_name("bentoml"))
    os.execv(
        bentoml,
        [bentoml, "serve", "service:Digits", "--host", "127.0.0.1", "--port", os.environ["PORT"]],
    )
