"""The optional parts of the installation, and the sentence for one that is missing.

A command checks them first, so that the error names what to install, and comes before any work.
"""

import importlib.util
from typing import Final

_SERVER: Final = (
    "ai_edge_litert",
    "cv2",
    "grpc_health",
    "grpc_reflection",
    "prometheus_client",
    "pythonjsonlogger",
)
# One module of each package that an extra installs, as in pyproject.toml; a test compares them.
MODULES: Final = {
    "server": _SERVER,
    "otel": (*_SERVER, "opentelemetry.exporter.otlp.proto.grpc", "opentelemetry.sdk"),
    "ray": (*_SERVER, "ray"),
    "remote": ("fsspec",),
    "parquet": ("pyarrow",),
    "heic": ("pillow_heif",),
    "pdf": ("pypdfium2",),
    "web": (
        "httptools",
        "prometheus_client",
        "python_multipart",
        "starlette",
        "uvicorn",
        "websockets",
    ),
    "train": (*_SERVER, "matplotlib", "tensorflow"),
}


class MissingExtraError(Exception):
    """A package of an extra is not installed; the message is one line that names both."""


def require(extra: str) -> None:
    """Check that the packages of an extra are installed, without importing them.

    Args:
        extra: A key of ``MODULES``.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    for module in MODULES[extra]:
        if not _is_installed(module):
            raise MissingExtraError(f"{module} is not installed: pip install 'digits[{extra}]'")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even its parent
        return False
