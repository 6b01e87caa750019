"""A real server with the settings of the overlay mtls, and the files that its Secrets hold."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from digits_client import Client
from digits_client.errors import AccessError, DigitsError
from tests.deploy.manifests import Manifest, pods, variables
from tests.processes import ROOT, SAMPLES, ServerProcess, StartServer

TOKEN = "a-token-of-this-test"
# Which flag a variable of the overlay stands for.
FLAGS = {
    "DIGITS_TLS_CERT": "--tls-cert",
    "DIGITS_TLS_KEY": "--tls-key",
    "DIGITS_TLS_CLIENT_CA": "--tls-client-ca",
    "DIGITS_TOKENS_FILE": "--tokens-file",
}


@dataclass(frozen=True)
class Secrets:
    """The Secrets as folders, and what a client has."""

    ca: Path
    client_cert: Path
    client_key: Path
    token_file: Path


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    """Write the files of both Secrets and of a client, as docs/deployment.md describes them."""
    authority = trustme.CA()
    server, client = authority.issue_cert("127.0.0.1"), authority.issue_cert("client@digits")
    for folder in ("tls", "tokens", "client"):
        (tmp_path / folder).mkdir()
    found = Secrets(
        tmp_path / "tls" / "ca.crt",
        tmp_path / "client" / "tls.crt",
        tmp_path / "client" / "tls.key",
        tmp_path / "client" / "token",
    )
    authority.cert_pem.write_to_path(str(found.ca))
    server.cert_chain_pems[0].write_to_path(str(tmp_path / "tls" / "tls.crt"))
    server.private_key_pem.write_to_path(str(tmp_path / "tls" / "tls.key"))
    client.cert_chain_pems[0].write_to_path(str(found.client_cert))
    client.private_key_pem.write_to_path(str(found.client_key))
    (tmp_path / "tokens" / "tokens").write_text(TOKEN + "\n", "utf-8")
    found.token_file.write_text(TOKEN, "utf-8")
    return found


@pytest.fixture
def server(
    secrets: Secrets,
    tmp_path: Path,
    rendered: dict[str, list[Manifest]],
    start_server: StartServer,
) -> ServerProcess:
    """A server whose files are those of the overlay, below a temporary folder."""
    container = pods(rendered["mtls"])["digits-server"]["spec"]["containers"][0]
    own = variables(container)
    flags = [
        word
        for variable, flag in FLAGS.items()
        for word in (flag, str(tmp_path) + own[variable])  # absolute paths of the container
    ]
    return start_server(*flags)


def recognize(address: str, **credentials: Any) -> int | None:
    with Client(address, timeout_seconds=20, **credentials) as client:
        return client.recognize(ROOT / SAMPLES[3]).digit


def test_only_a_client_with_a_certificate_and_a_token_is_served(
    server: ServerProcess, secrets: Secrets
) -> None:
    certificate = {"client_cert": secrets.client_cert, "client_key": secrets.client_key}
    address = server.address
    trusted = {"tls_ca": secrets.ca}
    token = {"token_file": secrets.token_file}
    assert recognize(address, **trusted, **certificate, **token) == 3
    with pytest.raises(AccessError):
        recognize(address, **trusted, **certificate)
    with pytest.raises(DigitsError):
        recognize(address, **trusted, **token)
    with pytest.raises(DigitsError):
        recognize(address)
