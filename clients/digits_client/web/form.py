"""The files of a form (multipart/form-data), read into memory within limits."""

from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from .problems import Code, ProblemError

MEDIA_TYPE: Final = "multipart/form-data"
MAX_FIELDS: Final = 16
"""Parts that are not files. They are read and ignored."""
MAX_HEADER_BYTES: Final = 8192
"""Bytes of the headers of one part."""


class _Form:
    """Collects the files of a form while it is parsed."""

    def __init__(self, max_files: int) -> None:
        self.files: list[bytearray] = []
        self.is_complete = False
        self._max_files = max_files
        self._field_count = 0
        self._header_bytes = 0
        self._name = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._file: bytearray | None = None

    def on_part_begin(self) -> None:
        self._disposition, self._header_bytes, self._file = b"", 0, None

    def on_header_begin(self) -> None:
        self._name, self._value = bytearray(), bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._count_header_bytes(end - start)
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header_bytes(end - start)
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = bytes(self._value)

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"filename" not in options:
            self._field_count += 1
            if self._field_count > MAX_FIELDS:
                raise _too_much(f"the form has more than {MAX_FIELDS} fields that are not files")
            return
        if len(self.files) == self._max_files:
            raise _too_much(f"the form has more files than {self._max_files}, the most at a time")
        self._file = bytearray()
        self.files.append(self._file)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file += data[start:end]

    def on_end(self) -> None:
        self.is_complete = True

    def _count_header_bytes(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > MAX_HEADER_BYTES:
            raise _too_much(f"a part of the form has more than {MAX_HEADER_BYTES} bytes of headers")


def is_form(request: Request) -> bool:
    """Return whether the body of a request is a form with files."""
    media_type = request.headers.get("content-type", "").partition(";")[0]
    return media_type.strip().lower() == MEDIA_TYPE


async def read_files(request: Request, max_files: int) -> list[bytes]:
    """Return the contents of the files in a form, in their order.

    Raises:
        ProblemError: The form is not valid, or has no files or too many.
    """
    _, options = parse_options_header(request.headers.get("content-type"))
    form = _Form(max_files)
    callbacks = {name: getattr(form, name) for name in dir(form) if name.startswith("on_")}
    try:
        parser = MultipartParser(options.get(b"boundary", b""), callbacks)  # type: ignore[arg-type]  # some of them
        async for block in request.stream():
            parser.write(block)
    except FormParserError:
        raise ProblemError(400, "the form is not valid") from None
    if not form.is_complete:
        raise ProblemError(400, "the form has no end")
    if not form.files:
        raise ProblemError(400, "the form has no file")
    return [bytes(file) for file in form.files]


def _too_much(detail: str) -> ProblemError:
    # The rest of the form would otherwise be received and thrown away.
    return ProblemError(413, detail, code=Code.RESOURCE_EXHAUSTED, headers={"connection": "close"})
