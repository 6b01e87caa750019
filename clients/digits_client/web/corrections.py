"""``/v1/corrections``: drawings with what the person meant, in the folder of the operator.

The folder is one of ``digits-draw``: ``digits-train --drawings`` learns from it.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digits_client.draw.correction_recorder import CorrectionRecorder, SplitError
from digits_client.draw.corrections import NOT_A_DIGIT, Correction, Corrections

from .correction_request import (
    MAX_DIGITS,
    NOT_A_DIGIT_TEXT,
    CorrectionRequest,
    read_correction,
)
from .problems import ProblemError

logger = logging.getLogger(__name__)

PATH: Final = "/v1/corrections"
MAX_FILES: Final = 200_000
"""Most files in the folder. More corrections are rejected."""
UNDO_TIME: Final = timedelta(hours=1)
_SEPARATOR: Final = ","


class CorrectionRoutes:
    """Keeps corrections, and removes those that a person takes back."""

    def __init__(self, folder: Path) -> None:
        self._corrections = Corrections(folder)

    async def add(self, request: Request) -> Response:
        """Keep the digits of a drawing that were misread."""
        # A page of another site can send a form or text, but not JSON.
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise ProblemError(415, "the body must be JSON (application/json)")
        content = await request.body()
        return await _in_thread(lambda: self._add(content))

    async def remove(self, request: Request) -> Response:
        """Remove corrections that were kept less than an hour ago."""
        names = request.path_params["names"]
        return await _in_thread(lambda: self._remove(names))

    def _add(self, content: bytes) -> Response:
        correction = read_correction(content)
        if self._file_count() >= MAX_FILES:
            raise ProblemError(507, "no more corrections are kept: the folder is full")
        if correction.label == NOT_A_DIGIT_TEXT:
            saved, indices = [self._add_not_a_digit(correction)], [0]
        else:
            recorder = CorrectionRecorder(self._corrections)
            try:
                indices = recorder.save(
                    correction.drawing, 0, correction.label, correction.number, correction.boxes
                )
            except SplitError as error:
                raise ProblemError(422, str(error)) from None
            saved = list(recorder.latest)
        if not saved:
            return JSONResponse({"saved": []})
        names = _SEPARATOR.join(each.path.stem for each in saved)
        return JSONResponse({"saved": indices}, 201, {"location": f"{PATH}/{names}"})

    def _add_not_a_digit(self, correction: CorrectionRequest) -> Correction:
        drawing, number = correction.drawing, correction.number
        prediction = number.digits[0] if number and len(number.digits) == 1 else None
        return self._corrections.add(
            drawing.image(),
            () if drawing.picture else drawing.strokes,
            NOT_A_DIGIT,
            predicted=number.text if number else "",
            model_version=prediction.model_version if prediction else "",
        )

    def _remove(self, text: str) -> Response:
        names = text.split(_SEPARATOR)
        found = [self._corrections.find(name) for name in names[:MAX_DIGITS]]
        oldest = datetime.now(UTC) - UNDO_TIME
        recent = [each for each in found if each is not None and each.time >= oldest]
        if len(recent) < len(names):
            raise ProblemError(404, "there is no such correction of the last hour")
        for each in recent:
            self._corrections.remove(each)
        return Response(status_code=204)

    def _file_count(self) -> int:
        try:
            with os.scandir(self._corrections.folder) as entries:
                return sum(1 for _ in entries)
        except FileNotFoundError:  # it is created with the first
            return 0


def correction_routes(folder: Path | None) -> list[Route]:
    """Return the routes; none if no corrections are kept.

    Args:
        folder: The folder for corrections; None to keep none.
    """
    if folder is None:
        return []
    routes = CorrectionRoutes(folder)
    return [
        Route(PATH, routes.add, methods=["POST"]),
        Route(f"{PATH}/{{names}}", routes.remove, methods=["DELETE"]),
    ]


async def _in_thread(make_response: Callable[[], Response]) -> Response:
    try:
        return await asyncio.to_thread(make_response)
    except OSError as error:
        logger.error("cannot write %s: %s", error.filename, error.strerror)
        raise ProblemError(507, "the correction cannot be kept") from None
