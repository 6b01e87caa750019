"""The Open Inference Protocol v2 by REST, for the HTTP clients of KServe and Triton.

Protocol: https://github.com/kserve/open-inference-protocol
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digits.inference.v2 import inference_pb2 as pb

from .infer_request import HEADER_LENGTH, read_infer_request
from .infer_response import to_infer_response
from .problems import ProblemError
from .upstream import Upstream

# JSON that is larger is read in a thread, because it takes longer than others should wait.
_MAX_INLINE_BYTES: Final = 2**16


class InferenceRoutes:
    """Translates requests of the protocol to its gRPC service."""

    def __init__(self, upstream: Upstream, is_draining: Callable[[], bool]) -> None:
        """Store the arguments.

        Args:
            upstream: The digits server.
            is_draining: Returns whether the gateway is about to stop.
        """
        self._upstream = upstream
        self._is_draining = is_draining

    async def live(self, request: Request) -> Response:
        """Report that the gateway is alive."""
        return JSONResponse({"live": True})

    async def ready(self, request: Request) -> Response:
        """Report whether the gateway and the digits server accept requests."""
        ready = await self._upstream.call(
            self._upstream.inference.ServerReady, pb.ServerReadyRequest()
        )
        return self._readiness({}, is_ready=ready.ready)

    async def model_ready(self, request: Request) -> Response:
        """Report whether the model is ready."""
        name, version = _model(request)
        ready = await self._upstream.call(
            self._upstream.inference.ModelReady, pb.ModelReadyRequest(name=name, version=version)
        )
        return self._readiness({"name": name}, is_ready=ready.ready)

    async def server_metadata(self, request: Request) -> Response:
        """Return the digits server's name and version."""
        metadata = await self._upstream.call(
            self._upstream.inference.ServerMetadata, pb.ServerMetadataRequest()
        )
        return JSONResponse(
            {
                "name": metadata.name,
                "version": metadata.version,
                "extensions": ["binary_tensor_data"],
            }
        )

    async def model_metadata(self, request: Request) -> Response:
        """Return the model's version, inputs and outputs."""
        name, version = _model(request)
        metadata = await self._upstream.call(
            self._upstream.inference.ModelMetadata,
            pb.ModelMetadataRequest(name=name, version=version),
        )
        return JSONResponse(
            {
                "name": metadata.name,
                "versions": list(metadata.versions),
                "platform": metadata.platform,
                "inputs": [_tensor(each) for each in metadata.inputs],
                "outputs": [_tensor(each) for each in metadata.outputs],
            }
        )

    async def infer(self, request: Request) -> Response:
        """Recognize the images of a tensor."""
        name, version = _model(request)
        content = await request.body()
        arguments = (content, request.headers.get(HEADER_LENGTH), name, version)
        if len(content) > _MAX_INLINE_BYTES:
            infer = await asyncio.to_thread(read_infer_request, *arguments)
        else:
            infer = read_infer_request(*arguments)
        response = await self._upstream.call(self._upstream.inference.ModelInfer, infer.message)
        return to_infer_response(response, infer)

    def _readiness(self, content: dict[str, Any], *, is_ready: bool) -> Response:
        if not is_ready or self._is_draining():
            raise ProblemError(503, "not ready")
        return JSONResponse({**content, "ready": True})


def inference_routes(upstream: Upstream, is_draining: Callable[[], bool]) -> list[Route]:
    """Return the routes of the protocol, inference first."""
    routes = InferenceRoutes(upstream, is_draining)
    model, version = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
    return [
        *(Route(f"{path}/infer", routes.infer, methods=["POST"]) for path in (model, version)),
        *(Route(f"{path}/ready", routes.model_ready, methods=["GET"]) for path in (model, version)),
        *(Route(path, routes.model_metadata, methods=["GET"]) for path in (model, version)),
        Route("/v2/health/live", routes.live, methods=["GET"]),
        Route("/v2/health/ready", routes.ready, methods=["GET"]),
        Route("/v2", routes.server_metadata, methods=["GET"]),
    ]


def _model(request: Request) -> tuple[str, str]:
    return request.path_params["model"], request.path_params.get("version", "")


def _tensor(metadata: pb.ModelMetadataResponse.TensorMetadata) -> dict[str, Any]:
    return {
        "name": metadata.name,
        "datatype": metadata.datatype,
        "shape": list(metadata.shape),
    }
