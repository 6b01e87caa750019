"""TLS: which clients can connect, and what a changed certificate does."""

from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.api.tls import TlsFiles, server_credentials
from digits_server.errors import CredentialsError


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> TlsFiles:
    written = TlsFiles(tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "clients.pem")
    issue(written, authority)
    authority.cert_pem.write_to_path(str(written.client_ca))
    return written


def issue(files: TlsFiles, authority: trustme.CA) -> None:
    issued = authority.issue_cert("127.0.0.1")
    files.key.write_bytes(issued.private_key_pem.bytes())
    files.cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))


def client_credentials(authority: trustme.CA, issuer: trustme.CA | None = None) -> Any:
    """Return credentials that trust an authority, with a client certificate of an issuer."""
    if issuer is None:
        return grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    issued = issuer.issue_cert("client@digits")
    return grpc.ssl_channel_credentials(
        authority.cert_pem.bytes(),
        issued.private_key_pem.bytes(),
        issued.cert_chain_pems[0].bytes(),
    )


async def version(address: str, credentials: Any) -> str:
    # Its own pool: otherwise gRPC reuses an open connection.
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(address, credentials, options) as channel:
        stub = pb_grpc.RecognizerServiceStub(channel)
        return str((await stub.GetModel(pb.GetModelRequest(), timeout=5)).model.version)


async def failure_code(address: str, credentials: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await version(address, credentials)
    return caught.value.code()


async def test_a_client_needs_tls_and_has_to_trust_the_certificate(
    run_server: Any, files: TlsFiles, authority: trustme.CA
) -> None:
    async with run_server(tls_cert=files.cert, tls_key=files.key) as started:
        assert await version(started.server.address, client_credentials(authority)) == "7"
        stranger = client_credentials(trustme.CA())
        assert await failure_code(started.server.address, stranger) == grpc.StatusCode.UNAVAILABLE
        with pytest.raises(grpc.aio.AioRpcError):  # without TLS
            await started.stub.GetModel(pb.GetModelRequest(), timeout=5)


async def test_with_a_client_ca_a_client_needs_a_certificate_that_it_issued(
    run_server: Any, files: TlsFiles, authority: trustme.CA
) -> None:
    async with run_server(
        tls_cert=files.cert, tls_key=files.key, tls_client_ca=files.client_ca
    ) as started:
        address = started.server.address
        assert await version(address, client_credentials(authority, issuer=authority)) == "7"
        for other in (None, trustme.CA()):
            credentials = client_credentials(authority, issuer=other)
            assert await failure_code(address, credentials) == grpc.StatusCode.UNAVAILABLE


async def test_a_new_certificate_is_used_without_a_restart(
    run_server: Any, files: TlsFiles, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_server(tls_cert=files.cert, tls_key=files.key) as started:
        address = started.server.address
        assert await version(address, client_credentials(authority)) == "7"
        successor = trustme.CA()
        old_key = files.key.read_bytes()
        issue(files, successor)
        new_key = files.key.read_bytes()
        files.key.write_bytes(old_key)  # only one of the two files is replaced yet
        for _ in range(3):
            assert await version(address, client_credentials(authority)) == "7"
        warnings = [record for record in caplog.records if "stays in use" in record.getMessage()]
        assert len(warnings) == 1
        files.key.write_bytes(new_key)
        assert await version(address, client_credentials(successor)) == "7"
        assert await failure_code(address, client_credentials(authority)) is not None
        files.cert.unlink()
        assert await version(address, client_credentials(successor)) == "7"


async def test_a_new_client_ca_is_used_without_a_restart(
    run_server: Any, files: TlsFiles, authority: trustme.CA
) -> None:
    assert files.client_ca is not None
    async with run_server(
        tls_cert=files.cert, tls_key=files.key, tls_client_ca=files.client_ca
    ) as started:
        address, successor = started.server.address, trustme.CA()
        assert await version(address, client_credentials(authority, issuer=authority)) == "7"
        successor.cert_pem.write_to_path(str(files.client_ca))
        assert await version(address, client_credentials(authority, issuer=successor)) == "7"
        former = client_credentials(authority, issuer=authority)
        assert await failure_code(address, former) == grpc.StatusCode.UNAVAILABLE


async def test_a_problem_that_recurs_is_logged_again(
    run_server: Any, files: TlsFiles, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_server(tls_cert=files.cert, tls_key=files.key) as started:
        content = files.cert.read_bytes()
        for warning_count in (1, 2):
            files.cert.write_bytes(content[: len(content) // 2])
            for _ in range(2):
                assert await version(started.server.address, client_credentials(authority)) == "7"
            warnings = [
                record for record in caplog.records if "stays in use" in record.getMessage()
            ]
            assert len(warnings) == warning_count
            files.cert.write_bytes(content)
            assert await version(started.server.address, client_credentials(authority)) == "7"


@pytest.mark.parametrize("broken", ["cert", "key", "client_ca"])
@pytest.mark.parametrize("content", [None, b"", b"no PEM"])
def test_an_invalid_file_is_an_error_that_names_it(
    files: TlsFiles, broken: str, content: bytes | None
) -> None:
    path: Path = getattr(files, broken)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(CredentialsError, match=str(path)):
        server_credentials(files)


def test_the_key_of_another_certificate_is_an_error(files: TlsFiles, authority: trustme.CA) -> None:
    files.key.write_bytes(authority.issue_cert("other").private_key_pem.bytes())
    with pytest.raises(
        CredentialsError, match="are not a matching certificate and key in PEM format"
    ):
        server_credentials(files)
