"""TLS: connections with certificates, and the diagnosis of those that fail."""

import http.server
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import trustme

from digits_client import AccessError, ServerFailureError, UnavailableError
from digits_client.cli.server_options import ServerOptions

from .conftest import FakeRecognizer, diagnosis, get_model_blocking, server_credentials, serving

if TYPE_CHECKING:
    from digits_client.results import Model


@pytest.fixture
def tls_address(ca: trustme.CA) -> Iterator[str]:
    """The address of a server with a certificate for that address."""
    fake = FakeRecognizer()
    with serving(fake, credentials=server_credentials("127.0.0.1", ca)):
        yield fake.address


@pytest.fixture
def mutual_tls_address(ca: trustme.CA) -> Iterator[str]:
    """The address of a server that requires a client certificate."""
    certificate = ca.issue_cert("127.0.0.1")
    chain = b"".join(part.bytes() for part in certificate.cert_chain_pems)
    credentials = grpc.ssl_server_credentials(
        [(certificate.private_key_pem.bytes(), chain)], ca.cert_pem.bytes(), True
    )
    fake = FakeRecognizer()
    with serving(fake, credentials=credentials):
        yield fake.address


@pytest.fixture
def http_address() -> Iterator[str]:
    """The address of a web server."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def write_client_certificate(ca: trustme.CA, folder: Path) -> dict[str, Path]:
    """Issue a client certificate, and return its files as parameters of the clients."""
    certificate = ca.issue_cert("me@digits")
    files = {"client_cert": folder / "cert.pem", "client_key": folder / "key.pem"}
    certificate.cert_chain_pems[0].write_to_path(str(files["client_cert"]))
    certificate.private_key_pem.write_to_path(str(files["client_key"]))
    return files


def test_a_server_with_a_trusted_certificate_is_accepted(
    get_model: Callable[..., "Model"], tls_address: str, ca_file: Path
) -> None:
    assert get_model(tls_address, tls_ca=ca_file).version == "5"


def test_each_kind_of_failed_tls_connection_has_its_diagnosis(
    get_model: Callable[..., "Model"],
    tls_address: str,
    ca: trustme.CA,
    ca_file: Path,
    tmp_path: Path,
    server: FakeRecognizer,
) -> None:
    other_ca_file = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other_ca_file)
    assert "is not trusted" in diagnosis(get_model, tls_address, tls_ca=other_ca_file)
    assert "does not use TLS" in diagnosis(get_model, server.address, tls_ca=ca_file)
    assert "may require TLS" in diagnosis(get_model, tls_address)
    elsewhere = FakeRecognizer()
    with serving(elsewhere, credentials=server_credentials("elsewhere.example", ca)):
        assert "for another name" in diagnosis(get_model, elsewhere.address, tls_ca=ca_file)


async def test_the_errors_of_a_command_name_its_flags(tls_address: str) -> None:
    async with ServerOptions(tls_address).client() as client:
        with pytest.raises(UnavailableError, match=r"may require TLS \(--tls-ca\)"):
            await client.model()


def test_a_certificate_for_another_name_is_accepted_if_that_name_is_given(
    get_model: Callable[..., "Model"], ca: trustme.CA, ca_file: Path
) -> None:
    fake = FakeRecognizer()
    options: dict[str, Any] = {"tls_ca": ca_file, "tls_server_name": "elsewhere.example"}
    with serving(fake, credentials=server_credentials("elsewhere.example", ca)):
        assert get_model(fake.address, **options).version == "5"
        options["tls_server_name"] = "other.example"
        assert "for another name" in diagnosis(get_model, fake.address, **options)
    with pytest.raises(ValueError, match="of no use without TLS"):
        get_model(fake.address, tls_server_name="elsewhere.example")


def test_each_kind_of_wrong_address_has_its_diagnosis(get_model: Callable[..., "Model"]) -> None:
    assert diagnosis(get_model, "127.0.0.1:1") == "no server is listening at 127.0.0.1:1"
    assert "cannot be resolved" in diagnosis(get_model, "no-such-host.invalid:50051")
    with pytest.raises(ValueError, match="ports are 1 to 65535"):
        get_model("127.0.0.1:99999")
    with pytest.raises(ValueError, match="has no port: use localhost:50051"):
        get_model("localhost")


def test_an_http_server_is_reported_as_one_that_speaks_no_grpc(
    get_model: Callable[..., "Model"], http_address: str
) -> None:
    assert "speaks HTTP/1 and not gRPC" in diagnosis(get_model, http_address)


def test_another_grpc_server_is_diagnosed_as_not_a_digits_server() -> None:
    other = grpc.server(ThreadPoolExecutor(1))
    address = f"127.0.0.1:{other.add_insecure_port('127.0.0.1:0')}"
    other.start()
    assert "is not a digits server" in diagnosis(get_model_blocking, address, ServerFailureError)
    other.stop(None).wait()


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\x30\x82\x01"])
def test_a_ca_bundle_without_a_certificate_is_an_error(
    get_model: Callable[..., "Model"], tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AccessError, match=r"cannot be read|does not contain a certificate"):
        get_model("127.0.0.1:1", tls_ca=file)


def test_the_diagnosis_of_an_invalid_certificate_names_the_option_or_the_file(
    get_model: Callable[..., "Model"], tls_address: str, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    with pytest.raises((AccessError, UnavailableError)) as raised:
        get_model(tls_address, tls_ca=file)
    sentence = str(raised.value)
    assert "tls_ca" in sentence or str(file) in sentence


def test_one_matching_authority_of_a_ca_bundle_is_enough(
    get_model: Callable[..., "Model"], tls_address: str, ca: trustme.CA, tmp_path: Path
) -> None:
    file = tmp_path / "bundle.pem"
    file.write_bytes(trustme.CA().cert_pem.bytes() + ca.cert_pem.bytes())
    assert get_model(tls_address, tls_ca=file).version == "5"


def test_a_client_certificate_is_presented_and_needs_its_key(
    get_model: Callable[..., "Model"],
    mutual_tls_address: str,
    ca: trustme.CA,
    ca_file: Path,
    tmp_path: Path,
) -> None:
    files = write_client_certificate(ca, tmp_path)
    assert get_model(mutual_tls_address, tls_ca=ca_file, **files).version == "5"
    assert "client_cert" in diagnosis(get_model, mutual_tls_address, tls_ca=ca_file)
    with pytest.raises(AccessError, match="must be given together"):
        get_model(mutual_tls_address, tls_ca=ca_file, client_cert=files["client_cert"])
    files["client_key"] = files["client_cert"]
    with pytest.raises(
        AccessError, match=r"cert\.pem does not contain a private key in PEM format"
    ):
        get_model(mutual_tls_address, tls_ca=ca_file, **files)


def test_a_client_certificate_of_an_unknown_authority_is_rejected(
    get_model: Callable[..., "Model"], mutual_tls_address: str, ca_file: Path, tmp_path: Path
) -> None:
    files = write_client_certificate(trustme.CA(), tmp_path)
    sentence = diagnosis(get_model, mutual_tls_address, UnavailableError, tls_ca=ca_file, **files)
    assert "client_cert" in sentence


def test_a_key_that_does_not_match_the_certificate_is_an_error(
    get_model: Callable[..., "Model"],
    mutual_tls_address: str,
    ca: trustme.CA,
    ca_file: Path,
    tmp_path: Path,
) -> None:
    files = write_client_certificate(ca, tmp_path)
    ca.issue_cert("other@digits").private_key_pem.write_to_path(files["client_key"])
    sentence = diagnosis(get_model, mutual_tls_address, AccessError, tls_ca=ca_file, **files)
    assert sentence.endswith(
        f"cert.pem and {files['client_key']} are not a matching certificate and key"
    )


@pytest.mark.parametrize("missing", ["client_cert", "client_key"])
def test_a_missing_client_certificate_or_key_is_an_error(
    get_model: Callable[..., "Model"], ca: trustme.CA, tmp_path: Path, missing: str
) -> None:
    files = write_client_certificate(ca, tmp_path)
    files[missing].unlink()
    with pytest.raises(AccessError, match=rf"{files[missing]} cannot be read: No such file"):
        get_model("127.0.0.1:1", **files)
