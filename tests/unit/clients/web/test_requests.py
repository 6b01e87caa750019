"""What requests hold: here the files in forms."""

import tempfile

import pytest
from starlette.requests import Request
from starlette.types import Message

from digits_client.web.form import read_files
from digits_client.web.problems import ProblemError

BOUNDARY = b"--------4f2a"
CONTENT_TYPE = b"multipart/form-data; boundary=" + BOUNDARY


def form_request(*contents: bytes, content_type: bytes = CONTENT_TYPE) -> Request:
    """Return a request whose body is a form with files."""
    head = b'Content-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    parts = [b"--" + BOUNDARY + b"\r\n" + head + content + b"\r\n" for content in contents]
    body = b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    headers = [(b"content-type", content_type)]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


async def test_files_of_a_form_are_read_in_order() -> None:
    assert await read_files(form_request(b"first", b"second"), 2) == [b"first", b"second"]


async def test_large_files_of_a_form_need_no_folder_for_temporary_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    photo = bytes(3 * 2**20)
    assert await read_files(form_request(photo, photo), 2) == [photo, photo]


@pytest.mark.parametrize(
    ("request_", "status", "detail"),
    [
        (form_request(b"first", b"second"), 413, "the form has more files than 1"),
        (form_request(b"", content_type=b"multipart/form-data"), 400, "the form has no"),
        (form_request(), 400, "the form has no file"),
    ],
    ids=["too many", "no boundary", "no file"],
)
async def test_a_form_that_is_not_valid_is_a_problem(
    request_: Request, status: int, detail: str
) -> None:
    with pytest.raises(ProblemError, match=detail) as raised:
        await read_files(request_, 1)
    assert raised.value.status == status
