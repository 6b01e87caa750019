"""Bearer tokens: calls with a valid token, and the errors without one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from digits_client import AccessError, AsyncClient, Client
from digits_client.cli.server_options import ServerOptions

from .conftest import FakeRecognizer, diagnosis, get_model_blocking, server_credentials, serving

if TYPE_CHECKING:
    import trustme

    from digits_client.results import Model

TOKEN = "a-token-of-some-length"


class TokenInterceptor(grpc.ServerInterceptor):
    """Rejects calls without the token."""

    def __init__(self, code: grpc.StatusCode = grpc.StatusCode.UNAUTHENTICATED) -> None:
        self._code = code
        self.received: list[str | bytes] = []
        """The authorization metadata of each call."""

    def intercept_service(
        self, continuation: Callable[[Any], Any], details: grpc.HandlerCallDetails
    ) -> Any:
        values = [value for key, value in details.invocation_metadata if key == "authorization"]
        self.received += values
        if values == [f"Bearer {TOKEN}"]:
            return continuation(details)

        def reject(_: Any, context: grpc.ServicerContext) -> None:
            context.abort(self._code, "a token is required")

        def reject_stream(requests: Iterator[Any], context: grpc.ServicerContext) -> None:
            list(requests)  # see FakeRecognizer.StreamingRecognize
            context.abort(self._code, "a token is required")

        if details.method.endswith("/StreamingRecognize"):
            return grpc.stream_stream_rpc_method_handler(reject_stream)
        return grpc.unary_unary_rpc_method_handler(reject)


@pytest.fixture
def token_address() -> Iterator[str]:
    """The address of a server that requires the token."""
    fake = FakeRecognizer()
    with serving(fake, interceptors=[TokenInterceptor()]):
        yield fake.address


@pytest.fixture
def tls_token_address(ca: "trustme.CA") -> Iterator[str]:
    """The address of a server with TLS that requires the token."""
    fake = FakeRecognizer()
    credentials = server_credentials("127.0.0.1", ca)
    with serving(fake, credentials=credentials, interceptors=[TokenInterceptor()]):
        yield fake.address


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A file with the token."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


def replace_content(file: Path, content: str | None) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_text(content)


async def stream(*images: bytes) -> AsyncIterator[bytes]:
    for image in images:
        yield image


def test_the_token_file_is_read_for_each_call(token_address: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("another\n")
    with Client(token_address, token_file=file) as client:
        with pytest.raises(AccessError, match="rejected the token in "):
            client.model()
        file.write_text(f"{TOKEN}\n")
        assert client.model().version == "5"
        assert client.recognize(b"7").digit == 7
        assert [result.sequence for result in client.recognize_stream([b"1", b"2"])] == [0, 1]


async def test_the_token_file_is_read_for_each_call_of_an_async_client(
    token_address: str, token_file: Path
) -> None:
    async with AsyncClient(token_address, token_file=token_file) as client:
        assert (await client.model()).version == "5"
        replace_content(token_file, "another")
        with pytest.raises(AccessError, match="rejected the token in "):
            await client.recognize(b"7")
        replace_content(token_file, None)
        with pytest.raises(AccessError, match="cannot be read: No such file"):
            await client.recognize(b"7")
        replace_content(token_file, f"  {TOKEN} \r\n")
        assert (await client.recognize(b"7")).digit == 7
        results = [result async for result in client.recognize_stream(stream(b"1", b"2"))]
        assert [result.sequence for result in results] == [0, 1]


def test_a_call_without_a_token_is_denied_access(
    get_model: Callable[..., "Model"], token_address: str
) -> None:
    assert "requires a token: set token_file" in diagnosis(get_model, token_address, AccessError)


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED]
)
async def test_a_wrong_token_is_denied_access_to_every_method(
    token_file: Path, code: grpc.StatusCode
) -> None:
    replace_content(token_file, "another")
    is_unknown = code is grpc.StatusCode.UNAUTHENTICATED
    reason = f"rejected the token in {token_file}" if is_unknown else "denied access: a token is"
    fake = FakeRecognizer()
    with serving(fake, interceptors=[TokenInterceptor(code)]):
        with Client(fake.address, token_file=token_file) as blocking:
            for call in (
                blocking.model,
                lambda: blocking.recognize(b"7"),
                lambda: blocking.recognize_batch([b"7"]),
                lambda: list(blocking.recognize_stream([b"7"])),
            ):
                with pytest.raises(AccessError, match=reason):
                    await asyncio.to_thread(call)
        async with AsyncClient(fake.address, token_file=token_file) as client:
            for awaitable in (
                client.model(),
                client.recognize(b"7"),
                client.recognize_batch([b"7"]),
                anext(client.recognize_stream(stream(b"7"))),
            ):
                with pytest.raises(AccessError, match=reason):
                    await awaitable
    assert fake.attempt_count == 0


def test_without_a_token_file_no_token_is_sent(get_model: Callable[..., "Model"]) -> None:
    fake, interceptor = FakeRecognizer(), TokenInterceptor()
    with serving(fake, interceptors=[interceptor]), pytest.raises(AccessError):
        get_model(fake.address)
    assert interceptor.received == []


@pytest.mark.parametrize("content", [None, b"", b" \n", b"two\nlines", "näh".encode()])
def test_a_token_file_without_a_valid_token_is_an_error(
    get_model: Callable[..., "Model"], token_address: str, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AccessError, match=r"cannot be read|does not contain a valid token"):
        get_model(token_address, token_file=file)


def test_a_folder_as_token_file_is_an_error(token_address: str, tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="cannot be read: Is a directory"):
        get_model_blocking(token_address, token_file=tmp_path)


def test_a_path_of_a_token_that_no_file_can_have_is_an_error(token_address: str) -> None:
    with pytest.raises(AccessError, match="cannot be read: embedded null byte"):
        get_model_blocking(token_address, token_file=Path("a\0b"))


async def test_every_method_works_with_tls_and_a_token(
    tls_token_address: str, ca_file: Path, token_file: Path
) -> None:
    with Client(tls_token_address, tls_ca=ca_file, token_file=token_file) as blocking:
        assert (await asyncio.to_thread(blocking.model)).version == "5"
        assert (await asyncio.to_thread(blocking.recognize, b"7")).digit == 7
        assert len(await asyncio.to_thread(blocking.recognize_batch, [b"1", b"2"])) == 2
        results = await asyncio.to_thread(lambda: list(blocking.recognize_stream([b"1", b"2"])))
        assert [result.sequence for result in results] == [0, 1]
    options = ServerOptions(tls_token_address, str(ca_file), token_file=str(token_file))
    async with options.client() as client:
        assert (await client.model()).version == "5"
        assert (await client.recognize(b"7")).digit == 7
        assert len(await client.recognize_batch([b"1", b"2"])) == 2
        results = [result async for result in client.recognize_stream(stream(b"1", b"2"))]
        assert [result.sequence for result in results] == [0, 1]


def test_a_ca_bundle_does_not_replace_a_token(
    get_model: Callable[..., "Model"], tls_token_address: str, ca_file: Path
) -> None:
    sentence = diagnosis(get_model, tls_token_address, AccessError, tls_ca=ca_file)
    assert "requires a token: set token_file" in sentence


@pytest.mark.parametrize(
    ("address", "is_warned"),
    [
        ("127.0.0.1:1", False),
        ("localhost:1", False),
        ("[::1]:1", False),
        ("unix:/tmp/x", False),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", False),
        ("127.0.0.1:1,127.0.0.1:2", False),
        ("127.0.0.1:1,10.0.0.7:2", True),
        ("digits.example:1", True),
        ("10.0.0.7:1", True),
        ("localhost.example:1", True),
    ],
)
def test_a_warning_is_logged_if_a_token_would_leave_this_machine_without_tls(
    address: str, is_warned: bool, token_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(address, token_file=token_file):
        assert ("without TLS" in caplog.text) == is_warned
    assert TOKEN not in caplog.text
