"""TLS and tokens: what lets a client in, and what a person is told where nothing does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import trustme

from digits_client import (
    AccessError,
    AsyncClient,
    Client,
    DigitsError,
    ServerFailureError,
    UnavailableError,
)
from digits_client.cli.diagnose import diagnose
from digits_client.cli.server_options import ServerOptions

from .conftest import FakeRecognizer, serving

if TYPE_CHECKING:
    from digits_client.results import Model

TOKEN = "a-token-of-some-length"


class WantsToken(grpc.ServerInterceptor):
    """Lets in who shows the token."""

    def __init__(self, refusal: grpc.StatusCode = grpc.StatusCode.UNAUTHENTICATED) -> None:
        self._refusal = refusal
        self.shown: list[str | bytes] = []
        """What each call showed as a token."""

    def intercept_service(
        self, continuation: Callable[[Any], Any], details: grpc.HandlerCallDetails
    ) -> Any:
        shown = [value for key, value in details.invocation_metadata if key == "authorization"]
        self.shown += shown
        if shown == [f"Bearer {TOKEN}"]:
            return continuation(details)

        def refuse(_: Any, context: grpc.ServicerContext) -> None:
            context.abort(self._refusal, "a token is needed")

        def refuse_stream(requests: Iterator[Any], context: grpc.ServicerContext) -> None:
            list(requests)  # see FakeRecognizer.StreamingRecognize
            context.abort(self._refusal, "a token is needed")

        if details.method.endswith("/StreamingRecognize"):
            return grpc.stream_stream_rpc_method_handler(refuse_stream)
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


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[str]:
    """The address of a server that shows a certificate and wants the token."""
    fake = FakeRecognizer()
    credentials = credentials_for("127.0.0.1", authority)
    with serving(fake, credentials=credentials, interceptors=[WantsToken()]):
        yield fake.address


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


def put(content: str | None, file: Path) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_text(content)


async def later(*images: bytes) -> AsyncIterator[bytes]:
    for image in images:
        yield image


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


def advised(
    ask: Callable[..., "Model"],
    address: str,
    kind: type[DigitsError] = UnavailableError,
    **options: Any,
) -> str:
    with pytest.raises(kind) as raised:
        ask(address, **options)
    return diagnose(raised.value, address)


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
    assert "no digits server" in advised(ask_blocking, address, ServerFailureError)
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
    assert "without its token" in advised(ask, guarded, AccessError)


@pytest.mark.parametrize(
    "refusal", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED]
)
async def test_a_token_that_is_not_the_servers_opens_no_method(
    token_file: Path, refusal: grpc.StatusCode
) -> None:
    put("another", token_file)
    fake = FakeRecognizer()
    with serving(fake, interceptors=[WantsToken(refusal)]):
        with Client(fake.address, token_file=token_file) as blocking:
            for call in (
                blocking.model,
                lambda: blocking.recognize(b"7"),
                lambda: blocking.recognize_batch([b"7"]),
                lambda: list(blocking.recognize_stream([b"7"])),
            ):
                with pytest.raises(AccessError, match=r"^a token is needed$"):
                    await asyncio.to_thread(call)
        async with AsyncClient(fake.address, token_file=token_file) as client:
            for waiting in (
                client.model(),
                client.recognize(b"7"),
                client.recognize_batch([b"7"]),
                anext(client.recognize_stream(later(b"7"))),
            ):
                with pytest.raises(AccessError, match=r"^a token is needed$"):
                    await waiting
    assert fake.attempt_count == 0


async def test_the_token_is_read_anew_for_asyncio_too(guarded: str, token_file: Path) -> None:
    async with AsyncClient(guarded, token_file=token_file) as client:
        assert (await client.model()).version == "5"
        put("another", token_file)
        with pytest.raises(AccessError, match="a token is needed"):
            await client.recognize(b"7")
        put(None, token_file)
        with pytest.raises(AccessError, match="cannot be read: No such file"):
            await client.recognize(b"7")
        put(f"  {TOKEN} \r\n", token_file)
        assert (await client.recognize(b"7")).digit == 7
        answers = [answer async for answer in client.recognize_stream(later(b"1", b"2"))]
        assert [answer.sequence for answer in answers] == [0, 1]


def test_who_names_no_token_file_shows_nothing(ask: Callable[..., "Model"]) -> None:
    fake, door = FakeRecognizer(), WantsToken()
    with serving(fake, interceptors=[door]), pytest.raises(AccessError):
        ask(fake.address)
    assert door.shown == []


@pytest.mark.parametrize("content", [None, b"", b" \n", b"two\nlines", "näh".encode()])
def test_a_token_file_that_holds_none_is_said_so(
    ask: Callable[..., "Model"], guarded: str, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AccessError, match=r"cannot be read|holds no token"):
        ask(guarded, token_file=file)


def test_a_token_file_that_is_a_folder_is_said_so(guarded: str, tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="cannot be read: Is a directory"):
        ask_blocking(guarded, token_file=tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\x30\x82\x01"])
def test_an_authority_that_is_none_is_said_so_at_once(
    ask: Callable[..., "Model"], tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AccessError, match=r"cannot be read|holds no certificate"):
        ask("127.0.0.1:1", tls_ca=file)


def test_a_certificate_of_nonsense_leads_to_the_option(
    ask: Callable[..., "Model"], tls_address: str, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    with pytest.raises((AccessError, UnavailableError)) as raised:
        ask(tls_address, tls_ca=file)
    said = diagnose(raised.value, tls_address)
    assert "--tls-ca" in said or str(file) in said


async def test_by_tls_with_a_token_every_method_answers(
    secure: str, ca_file: Path, token_file: Path
) -> None:
    with Client(secure, tls_ca=ca_file, token_file=token_file) as blocking:
        assert (await asyncio.to_thread(blocking.model)).version == "5"
        assert (await asyncio.to_thread(blocking.recognize, b"7")).digit == 7
        assert len(await asyncio.to_thread(blocking.recognize_batch, [b"1", b"2"])) == 2
        streamed = await asyncio.to_thread(lambda: list(blocking.recognize_stream([b"1", b"2"])))
        assert [answer.sequence for answer in streamed] == [0, 1]
    connection = ServerOptions(secure, str(ca_file), token_file=str(token_file))
    async with connection.client() as client:
        assert (await client.model()).version == "5"
        assert (await client.recognize(b"7")).digit == 7
        assert len(await client.recognize_batch([b"1", b"2"])) == 2
        answers = [answer async for answer in client.recognize_stream(later(b"1", b"2"))]
        assert [answer.sequence for answer in answers] == [0, 1]


def test_a_trusted_certificate_does_not_stand_for_a_token(
    ask: Callable[..., "Model"], secure: str, ca_file: Path
) -> None:
    assert "without its token" in advised(ask, secure, AccessError, tls_ca=ca_file)


def test_one_of_several_authorities_in_a_file_suffices(
    ask: Callable[..., "Model"], tls_address: str, authority: trustme.CA, tmp_path: Path
) -> None:
    file = tmp_path / "authorities.pem"
    file.write_bytes(trustme.CA().cert_pem.bytes() + authority.cert_pem.bytes())
    assert ask(tls_address, tls_ca=file).version == "5"


@pytest.fixture
def mutual(authority: trustme.CA) -> Iterator[str]:
    """The address of a server that lets in only who shows a certificate."""
    certificate = authority.issue_cert("127.0.0.1")
    chain = b"".join(part.bytes() for part in certificate.cert_chain_pems)
    credentials = grpc.ssl_server_credentials(
        [(certificate.private_key_pem.bytes(), chain)], authority.cert_pem.bytes(), True
    )
    fake = FakeRecognizer()
    with serving(fake, credentials=credentials):
        yield fake.address


def write_pair(authority: trustme.CA, folder: Path) -> dict[str, Path]:
    """Issue a certificate to a client, and return it as the clients' parameters."""
    own = authority.issue_cert("me@digits")
    pair = {"client_cert": folder / "cert.pem", "client_key": folder / "key.pem"}
    own.cert_chain_pems[0].write_to_path(str(pair["client_cert"]))
    own.private_key_pem.write_to_path(str(pair["client_key"]))
    return pair


def test_a_certificate_of_ones_own_lets_in_where_one_is_wanted(
    ask: Callable[..., "Model"],
    mutual: str,
    authority: trustme.CA,
    ca_file: Path,
    tmp_path: Path,
) -> None:
    pair = write_pair(authority, tmp_path)
    assert ask(mutual, tls_ca=ca_file, **pair).version == "5"
    assert "--client-cert" in advised(ask, mutual, tls_ca=ca_file)
    with pytest.raises(AccessError, match="belong together"):
        ask(mutual, tls_ca=ca_file, client_cert=tmp_path / "cert.pem")
    with pytest.raises(AccessError, match=r"cert\.pem holds no private key in PEM form"):
        ask(mutual, tls_ca=ca_file, **(pair | {"client_key": tmp_path / "cert.pem"}))


def test_a_certificate_of_an_authority_that_the_server_does_not_know_is_of_no_use(
    ask: Callable[..., "Model"], mutual: str, ca_file: Path, tmp_path: Path
) -> None:
    pair = write_pair(trustme.CA(), tmp_path)
    assert "--client-cert" in advised(ask, mutual, UnavailableError, tls_ca=ca_file, **pair)


def test_a_key_of_another_certificate_is_said_so_at_once(
    ask: Callable[..., "Model"], mutual: str, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    pair = write_pair(authority, tmp_path)
    authority.issue_cert("other@digits").private_key_pem.write_to_path(tmp_path / "key.pem")
    sentence = advised(ask, mutual, AccessError, tls_ca=ca_file, **pair)
    assert sentence.endswith(
        "cert.pem and " + str(tmp_path / "key.pem") + " are no certificate and its key."
    )


@pytest.mark.parametrize("missing", ["client_cert", "client_key"])
def test_a_file_of_ones_own_certificate_that_is_missing_is_said_so_at_once(
    ask: Callable[..., "Model"], authority: trustme.CA, tmp_path: Path, missing: str
) -> None:
    pair = write_pair(authority, tmp_path)
    pair[missing].unlink()
    with pytest.raises(AccessError, match=rf"{pair[missing]} cannot be read: No such file"):
        ask("127.0.0.1:1", **pair)


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
def test_a_token_in_plain_sight_on_a_network_is_warned_of(
    address: str, is_warned: bool, token_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(address, token_file=token_file):
        assert ("without TLS" in caplog.text) == is_warned
    assert TOKEN not in caplog.text
