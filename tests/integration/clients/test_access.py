"""TLS and tokens: what lets a client in, and what a person is told where nothing does."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import trustme

from digits_client import AccessError, AsyncClient, Client, DigitsError, UnavailableError
from digits_client.advice import advice

from .conftest import FakeRecognizer, serving

if TYPE_CHECKING:
    from digits_client.results import Model

TOKEN = "a-token-of-some-length"


class WantsToken(grpc.ServerInterceptor):
    """Lets in who shows the token."""

    def intercept_service(
        self, continuation: Callable[[Any], Any], details: grpc.HandlerCallDetails
    ) -> Any:
        if ("authorization", f"Bearer {TOKEN}") in details.invocation_metadata:
            return continuation(details)

        def refuse(_: Any, context: grpc.ServicerContext) -> None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "a token is needed")

        return grpc.unary_unary_rpc_method_handler(refuse)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def credentials_for(name: str, authority: trustme.CA) -> grpc.ServerCredentials:
    certificate = authority.issue_cert(name)
    chain = b"".join(part.bytes() for part in certificate.cert_chain_pems)
    return grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])


@pytest.fixture
def tls_address(authority: trustme.CA) -> Iterator[str]:
    """The address of a server that shows a certificate for it."""
    fake = FakeRecognizer()
    with serving(fake, credentials=credentials_for("127.0.0.1", authority)):
        yield fake.address


@pytest.fixture
def guarded() -> Iterator[str]:
    """The address of a server that wants the token."""
    fake = FakeRecognizer()
    with serving(fake, interceptors=[WantsToken()]):
        yield fake.address


def ask_blocking(address: str, **options: Any) -> "Model":
    with Client(address, timeout_seconds=5, **options) as client:
        return client.model()


def ask_async(address: str, **options: Any) -> "Model":
    async def ask() -> "Model":
        async with AsyncClient(address, timeout_seconds=5, **options) as client:
            return await client.model()

    return asyncio.run(ask())


@pytest.fixture(params=[ask_blocking, ask_async])
def ask(request: pytest.FixtureRequest) -> Callable[..., "Model"]:
    """Both clients."""
    return request.param  # type: ignore[no-any-return]


def advised(ask: Callable[..., "Model"], address: str, **options: Any) -> str:
    with pytest.raises(DigitsError) as raised:
        ask(address, **options)
    return advice(raised.value, address)


def test_a_server_with_a_trusted_certificate_answers(
    ask: Callable[..., "Model"], tls_address: str, ca_file: Path
) -> None:
    assert ask(tls_address, tls_ca=ca_file).version == "5"


def test_each_way_not_to_connect_has_its_sentence(
    ask: Callable[..., "Model"],
    tls_address: str,
    authority: trustme.CA,
    ca_file: Path,
    tmp_path: Path,
    server: Any,
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    assert "a certificate that is not trusted" in advised(
        ask, tls_address, tls_ca=tmp_path / "other.pem"
    )
    assert "does not speak TLS" in advised(ask, server.address, tls_ca=ca_file)
    assert "may speak TLS" in advised(ask, tls_address)
    elsewhere = FakeRecognizer()
    with serving(elsewhere, credentials=credentials_for("elsewhere.example", authority)):
        assert "not for the name" in advised(ask, elsewhere.address, tls_ca=ca_file)


def test_an_address_of_nobody_has_its_sentence(ask: Callable[..., "Model"]) -> None:
    assert advised(ask, "127.0.0.1:1") == "No server answers at 127.0.0.1:1."
    assert "no host of the name" in advised(ask, "no-such-host.invalid:50051")
    assert "ports end at 65535" in advised(ask, "127.0.0.1:99999")


def test_a_server_of_something_else_is_said_to_be_none_of_digits() -> None:
    other = grpc.server(ThreadPoolExecutor(1))
    address = f"127.0.0.1:{other.add_insecure_port('127.0.0.1:0')}"
    other.start()
    assert "no digits server" in advised(ask_blocking, address)
    other.stop(None).wait()


def test_the_token_in_the_file_lets_in_and_is_read_anew(guarded: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("another\n")
    with Client(guarded, token_file=file) as client:
        with pytest.raises(AccessError, match="a token is needed"):
            client.model()
        file.write_text(f"{TOKEN}\n")
        assert client.model().version == "5"
        assert client.recognize(b"7").digit == 7
        assert [answer.sequence for answer in client.recognize_stream([b"1", b"2"])] == [0, 1]


def test_without_a_token_nobody_is_let_in(ask: Callable[..., "Model"], guarded: str) -> None:
    assert "without its token" in advised(ask, guarded)


@pytest.mark.parametrize("content", [None, b"", b"two\nlines", "näh".encode()])
def test_a_token_file_that_holds_none_is_said_so(
    ask: Callable[..., "Model"], guarded: str, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AccessError, match=r"cannot be read|holds no token"):
        ask(guarded, token_file=file)


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_an_authority_that_is_none_is_said_so_at_once(
    ask: Callable[..., "Model"], tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AccessError, match=r"cannot be read|holds no certificate"):
        ask("127.0.0.1:1", tls_ca=file)


def test_unavailable_is_what_a_failed_handshake_is(tls_address: str) -> None:
    with pytest.raises(UnavailableError):
        ask_blocking(tls_address)
