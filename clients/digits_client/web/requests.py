"""What a request asks for: its query, and its image."""

from starlette.datastructures import QueryParams
from starlette.requests import Request

from digits.v1 import recognizer_pb2 as pb

from .form import is_form, read_files
from .problems import ProblemError

_LAYOUTS = {
    "digit": pb.LAYOUT_DIGIT,
    "number": pb.LAYOUT_NUMBER,
    "page": pb.LAYOUT_PAGE,
}
_BOOLEANS = {"true": True, "1": True, "": True, "false": False, "0": False}


def read_layout(query: QueryParams) -> pb.Layout:
    """Return the layout that a query asks for; one digit by default.

    Raises:
        ProblemError: There is no such layout.
    """
    text = query.get("layout", "digit")
    layout = _LAYOUTS.get(text)
    if layout is None:
        raise ProblemError(400, f"layout={text[:40]!r} is not one of digit, number, page")
    return layout


def read_flag(query: QueryParams, name: str) -> bool:
    """Return whether a query sets a flag: ``?frame=true`` or just ``?frame``.

    Raises:
        ProblemError: Its value is neither true nor false.
    """
    text = query.get(name, "false")
    value = _BOOLEANS.get(text)
    if value is None:
        raise ProblemError(400, f"{name}={text[:40]!r} is not true or false")
    return value


async def read_image(request: Request) -> bytes:
    """Return the image that is the body, or the only file of a form.

    Raises:
        ProblemError: There is none, or several.
    """
    if is_form(request):
        return (await read_files(request, 1))[0]
    body = await request.body()
    if not body:
        raise ProblemError(400, "the body is empty; it must be an image, or a form with one file")
    return body
