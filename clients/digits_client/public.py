"""The public names of ``digits_client``, which the package takes from here."""

from .aio import AsyncClient
from .client import Client
from .errors import (
    AccessError,
    CredentialFileError,
    DeadlineError,
    DigitsError,
    InvalidImageError,
    OverloadedError,
    ServerFailureError,
    UnavailableError,
)
from .images import ImageLike
from .results import (
    Box,
    FileResult,
    Limits,
    Model,
    Number,
    Prediction,
    Reason,
    StreamResult,
    Verdict,
)

__all__ = [
    "AccessError",
    "AsyncClient",
    "Box",
    "Client",
    "CredentialFileError",
    "DeadlineError",
    "DigitsError",
    "FileResult",
    "ImageLike",
    "InvalidImageError",
    "Limits",
    "Model",
    "Number",
    "OverloadedError",
    "Prediction",
    "Reason",
    "ServerFailureError",
    "StreamResult",
    "UnavailableError",
    "Verdict",
]
