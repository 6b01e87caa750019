"""Ending a call with the status of an error."""

import random
import re
from typing import Final, NoReturn, TypeAlias

import grpc

from digits_server.errors import OverloadedError, ServerError

from .call import Context
from .status import DETAILS_KEY, to_status

REQUEST_ID_KEY: Final = "x-request-id"
# Defined by gRPC: a client with a retry policy waits this long before it retries.
PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"
# A caller's id is logged unchanged, so it is restricted to what cannot break a log line.
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

_Trailers: TypeAlias = tuple[tuple[str, str | bytes], ...]


async def abort(context: Context, error: ServerError, request_id: str) -> NoReturn:
    """End a call with an error's status, its details and the id of the request.

    Raises:
        AbortError: Always.
    """
    trailers: _Trailers = (
        (REQUEST_ID_KEY, request_id),
        (DETAILS_KEY, to_status(error).SerializeToString()),
    )
    if isinstance(error, OverloadedError):
        trailers += ((PUSHBACK_KEY, str(round(error.retry_after_seconds * 1000))),)
    await context.abort(grpc.StatusCode[error.code], str(error), trailers)


def request_id_of(context: Context) -> str:
    """Return the id that the caller has given to a request, or a new one."""
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            return value
    return f"{random.getrandbits(128):032x}"  # not a secret
