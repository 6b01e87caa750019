"""The client library of digits: recognize handwritten digits with a digits server.

Example:
    with Client("127.0.0.1:50051") as client:
        prediction = client.recognize("seven.png")
        print(prediction.digit, prediction.confidence)
        print(client.recognize_number("2026.png").text)

``AsyncClient`` has the same methods for asyncio.
"""

from . import grpc_log  # noqa: F401 - before gRPC is imported
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
