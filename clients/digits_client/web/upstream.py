"""The digits server behind the gateway: connections, and calls whose failures are problems."""

import asyncio
import itertools
import logging
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import grpc

from digits.endpoint import Endpoint
from digits.inference.v2 import inference_pb2_grpc
from digits.settings import flag_name
from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_client.channel import (
    Metadata,
    target_and_options,
    tls_credentials,
    token_metadata,
    warn_about_plaintext_token,
)
from digits_client.cli.server_options import ServerOptions
from digits_client.errors import CredentialFileError

from .problems import ProblemError, from_rpc_error

logger = logging.getLogger(__name__)

Request = TypeVar("Request")
Response = TypeVar("Response")
StreamCall = grpc.aio.StreamStreamCall[pb.StreamingRecognizeRequest, pb.StreamingRecognizeResponse]
CONNECTIONS: Final = 4
"""To each digits server. One of several processes that share its port gets each of them."""
_CALLERS_FAULTS: Final = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)


def channel_credentials(server: ServerOptions) -> grpc.ChannelCredentials | None:
    """Return the credentials for a server, or None without TLS.

    Raises:
        CredentialFileError: A file cannot be read or is not PEM.
    """
    return tls_credentials(server.tls_ca, server.client_cert, server.client_key)


class Upstream:
    """Calls the digits server. For one event loop."""

    def __init__(self, server: ServerOptions, timeout_seconds: float) -> None:
        """Create channels, which connect on their first call.

        Args:
            server: The server and the credentials for it.
            timeout_seconds: The deadline of a call, except a stream.

        Raises:
            CredentialFileError: A file cannot be read or is not PEM.
        """
        credentials = channel_credentials(server)
        target, options = target_and_options(
            server.address,
            has_tls=credentials is not None,
            tls_server_name=server.tls_server_name,
        )
        options.append(("grpc.use_local_subchannel_pool", 1))  # or they would share a connection
        if credentials is None:
            warn_about_plaintext_token(server.address, server.token_file)
        self._channels = [
            grpc.aio.insecure_channel(target, options=options)
            if credentials is None
            else grpc.aio.secure_channel(target, credentials, options=options)
            for _ in range(CONNECTIONS)
        ]
        stubs: Any = [pb_grpc.RecognizerServiceStub(channel) for channel in self._channels]
        self._recognizers: Iterator[pb_grpc.RecognizerServiceAsyncStub] = itertools.cycle(stubs)
        self._token_file = server.token_file
        self._timeout_seconds = timeout_seconds
        self._endpoint = Endpoint(
            server.address, credentials is not None, server.token_file, flag_name
        )
        self._last_failure = ""
        self.inference: Final = inference_pb2_grpc.GRPCInferenceServiceStub(self._channels[0])

    @property
    def recognizer(self) -> "pb_grpc.RecognizerServiceAsyncStub":
        """The stub of the connection whose turn it is."""
        return next(self._recognizers)

    async def close(self) -> None:
        """Close the connections and cancel the calls in flight."""
        for channel in self._channels:
            await channel.close()

    async def call(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        deadline: float | None = None,
    ) -> Response:
        """Make a call and return its response.

        Args:
            method: A method of one of the stubs.
            request: Its request.
            deadline: The time of the event loop at which the call ends; None for the default.

        Raises:
            ProblemError: The call failed.
        """
        seconds = self._timeout_seconds
        if deadline is not None:
            seconds = max(0, deadline - asyncio.get_running_loop().time())
        try:
            response = await method(request, timeout=seconds, metadata=self._metadata())
        except grpc.RpcError as error:
            raise self.problem(error) from None
        self._last_failure = ""
        return response

    def open_stream(self) -> StreamCall:
        """Return a new call of StreamingRecognize, without a deadline.

        Raises:
            ProblemError: The token file cannot be read.
        """
        stub: Any = self.recognizer
        call: StreamCall = stub.StreamingRecognize(metadata=self._metadata())
        return call

    def problem(self, error: grpc.RpcError) -> ProblemError:
        """Return the problem of a failed call; log the server's, each new one once."""
        problem = from_rpc_error(error)
        if error.code() not in _CALLERS_FAULTS:
            failure = self._endpoint.describe(error.code(), error.details() or "")
            if failure != self._last_failure:
                logger.warning("%s", failure)
            self._last_failure = failure
        return problem

    def _metadata(self) -> Metadata:
        if self._token_file is None:
            return ()
        try:
            return token_metadata(self._token_file)
        except CredentialFileError as error:
            logger.warning("%s", error)
            raise ProblemError(
                502, "the gateway has no valid token for the digits server"
            ) from error
