"""``/v1/recognize``, ``/v1/recognize:batch`` and ``/v1/model``."""

from starlette.requests import Request
from starlette.responses import Response

from digits.v1 import recognizer_pb2 as pb
from digits_client.images import batches

from .coalesce import Coalescer, Question
from .form import is_form, read_files
from .problems import ProblemError
from .proto_json import json_response
from .requests import read_flag, read_image, read_layout
from .upstream import Upstream


class RecognizeRoutes:
    """Recognizes the images of requests."""

    def __init__(self, upstream: Upstream, coalescer: Coalescer, max_files: int) -> None:
        self._upstream = upstream
        self._coalescer = coalescer
        self._max_files = max_files

    async def recognize(self, request: Request) -> Response:
        """Recognize one image."""
        query = request.query_params
        layout, include_frame = read_layout(query), read_flag(query, "frame")
        question = Question(layout, include_frame)
        return json_response(await self._coalescer.recognize(await read_image(request), question))

    async def recognize_batch(self, request: Request) -> Response:
        """Recognize the files of a form, in as few messages as possible."""
        query = request.query_params
        layout, include_frame = read_layout(query), read_flag(query, "frame")
        if not is_form(request):
            raise ProblemError(415, "the body must be a form with files (multipart/form-data)")
        files = await read_files(request, self._max_files)
        response = pb.RecognizeBatchResponse()
        for batch in batches(pb.Image(encoded=content) for content in files):
            message = pb.RecognizeBatchRequest(
                images=batch, include_frame=include_frame, layout=layout
            )
            part = await self._upstream.call(self._upstream.recognizer.RecognizeBatch, message)
            response.results.extend(part.results)
        return json_response(response)

    async def model(self, request: Request) -> Response:
        """Return the model that is served, and the limits of the digits server."""
        recognizer = self._upstream.recognizer
        response = await self._upstream.call(recognizer.GetModel, pb.GetModelRequest())
        return json_response(response)
