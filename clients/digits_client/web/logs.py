"""The log of the gateway, on standard error."""

import logging


def configure_logging(level: str) -> None:
    """Log to standard error.

    Args:
        level: The name of the lowest level.
    """
    logging.basicConfig(
        level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    # Uvicorn reports each step of its start and end, and each request that is not HTTP.
    logging.getLogger("uvicorn").setLevel(max(logging.ERROR, logging.root.level))
