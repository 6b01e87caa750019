"""TLS: which clients can connect, and what a changed certificate does."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from trustme import KeyType as Kind

from digits.credential_files import CredentialsError
from digits.tls_files import TlsFiles
from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.api.tls import ServerCertificate
from tests.processes import wait_until

NOW = datetime.now(UTC)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> TlsFiles:
    written = TlsFiles(tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "clients.pem")
    issue(written, authority)
    authority.cert_pem.write_to_path(str(written.client_ca))
    return written


def issue(
    files: TlsFiles, authority: trustme.CA, days: tuple[int, int] = (-1, 1), kind: Kind = Kind.ECDSA
) -> None:
    """Write a key and a certificate that is valid between some days from now."""
    start, end = (NOW + timedelta(days=number) for number in days)
    issued = authority.issue_cert("127.0.0.1", not_before=start, not_after=end, key_type=kind)
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


async def follows(address: str, credentials: Any) -> None:
    """Wait until clients with these credentials are served: the files are read by and by."""
    while True:
        with contextlib.suppress(grpc.aio.AioRpcError):
            assert await version(address, credentials) == "7"
            return


async def wait_for_record(caplog: pytest.LogCaptureFixture, text: str, count: int = 1) -> None:
    """Wait until the log has a number of records that contain a text."""
    await asyncio.to_thread(
        wait_until, lambda: sum(text in record.message for record in caplog.records) >= count
    )


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
        await wait_for_record(caplog, "stays in use")
        assert await version(address, client_credentials(authority)) == "7"
        files.key.write_bytes(new_key)
        await follows(address, client_credentials(successor))
        assert await failure_code(address, client_credentials(authority)) is not None
        files.cert.unlink()
        await wait_for_record(caplog, "stays in use", 2)
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
        await follows(address, client_credentials(authority, issuer=successor))
        former = client_credentials(authority, issuer=authority)
        assert await failure_code(address, former) == grpc.StatusCode.UNAVAILABLE


def test_a_problem_that_recurs_is_logged_again(
    files: TlsFiles, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = ServerCertificate(files)
    content = files.cert.read_bytes()
    for warning_count in (1, 2):
        files.cert.write_bytes(content[: len(content) // 2])
        for _ in range(2):
            certificate.files.reload()
        assert [record.levelname for record in caplog.records] == ["WARNING"] * warning_count
        files.cert.write_bytes(content)
        certificate.files.reload()


@pytest.mark.parametrize("kind", Kind)
def test_the_end_of_the_certificate_is_known(
    files: TlsFiles, authority: trustme.CA, kind: Kind
) -> None:
    for days in ((-9, -3), (-3, 3), (3, 9)):
        issue(files, authority, days, kind)
        end = NOW + timedelta(days=days[1])
        assert ServerCertificate(files).end_seconds == int(end.timestamp())


@pytest.mark.parametrize(
    ("days", "problem"), [((-9, -3), "expired on"), ((3, 9), "is not valid before")]
)
def test_a_certificate_that_clients_reject_does_not_replace_one_that_they_accept(
    files: TlsFiles,
    authority: trustme.CA,
    days: tuple[int, int],
    problem: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    certificate = ServerCertificate(files)
    end_seconds = certificate.end_seconds
    issue(files, authority, days)
    for _ in range(3):
        certificate.files.reload()
    assert certificate.end_seconds == end_seconds
    (record,) = caplog.records
    assert f"stays in use: the certificate in {files.cert} {problem} 20" in record.message
    issue(files, authority, (-3, 7))
    certificate.files.reload()
    assert certificate.end_seconds > end_seconds


def test_a_certificate_that_expires_in_use_is_logged_once_and_can_be_replaced(
    files: TlsFiles, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    now = NOW.timestamp()
    certificate = ServerCertificate(files, lambda: now)
    certificate.files.reload()
    assert not caplog.records
    now += timedelta(days=2).total_seconds()
    for _ in range(3):
        certificate.files.reload()
    (record,) = caplog.records
    assert "clients reject the certificate in use, which expired on 20" in record.message
    # Even one that is not valid yet is as good.
    issue(files, authority, (3, 9))
    certificate.files.reload()
    assert certificate.end_seconds > now


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
        ServerCertificate(files)


def test_the_key_of_another_certificate_is_an_error(files: TlsFiles, authority: trustme.CA) -> None:
    files.key.write_bytes(authority.issue_cert("other").private_key_pem.bytes())
    with pytest.raises(
        CredentialsError, match="are not a matching certificate and key in PEM format"
    ):
        ServerCertificate(files)


def test_comments_in_the_files_may_have_any_characters(files: TlsFiles) -> None:
    for path in (files.cert, files.client_ca):
        assert path is not None
        path.write_bytes("# Főtanúsítvány\n".encode() + path.read_bytes())
    ServerCertificate(files)


def test_a_certificate_that_no_client_accepts_is_an_error(files: TlsFiles) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a client")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        .sign(key, hashes.SHA256())
    )
    files.cert.write_bytes(certificate.public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(CredentialsError, match="is not one that clients accept from a server"):
        ServerCertificate(files)
