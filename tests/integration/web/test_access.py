"""Tokens, TLS, and pages of other sites."""

import base64
import json
import socket
import ssl
from pathlib import Path

import httpx
import pytest
import trustme
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.integration.clients.conftest import FakeRecognizer
from tests.processes import PATIENCE_SECONDS, wait_until

from .conftest import Gateway, StartWeb, check_problem

TOKEN = "a-token-of-enough-characters"
OTHER = "another-token-that-is-long-enough"
OPEN = ("/", "/docs", "/docs.css", "/openapi.json", "/healthz", "/v1/settings", "/v2/health/live")
CLOSED = ("/v1/model", "/metrics", "/v2", "/v2/models/digits", "/nothing")
SITE = "https://example.org"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(f"# of a test\n{TOKEN}\n")
    return file


@pytest.fixture
def closed_web(start_web: StartWeb, server: FakeRecognizer, tokens: Path) -> Gateway:
    """A gateway that requires a token."""
    return start_web(server.address, "--tokens-file", str(tokens))


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def write_certificate(authority: trustme.CA, cert: Path, key: Path) -> None:
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(key)
    cert.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))


def test_without_a_token_only_the_page_and_health_are_served(closed_web: Gateway) -> None:
    for path in OPEN:
        assert closed_web.client.get(path).status_code == 200, path
    assert closed_web.client.get("/v1/settings").json()["tokenRequired"] is True
    for path in CLOSED:
        response = closed_web.client.get(path)
        assert response.status_code == 401, path
        assert response.headers["www-authenticate"] == "Bearer"
    response = closed_web.client.post("/v1/recognize", content=b"image 7")
    assert "valid token is required" in check_problem(response, 401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"]
)
def test_other_credentials_are_rejected(closed_web: Gateway, authorization: str) -> None:
    headers = {"authorization": authorization.encode("latin-1")}
    assert closed_web.client.get("/v1/model", headers=headers).status_code == 401  # type: ignore[arg-type]


def test_a_token_opens_every_path_and_a_new_file_replaces_it(
    closed_web: Gateway, tokens: Path
) -> None:
    get = closed_web.client.get
    assert get("/v1/model", headers=bearer(TOKEN)).status_code == 200
    assert get("/v1/model", headers={"authorization": f"bearer {TOKEN}"}).status_code == 200
    assert get("/metrics", headers=bearer(TOKEN)).status_code == 200
    tokens.write_text(OTHER)
    wait_until(lambda: get("/v1/model", headers=bearer(OTHER)).status_code == 200)
    assert get("/v1/model", headers=bearer(TOKEN)).status_code == 401


def test_a_browser_sends_the_token_as_a_subprotocol(closed_web: Gateway) -> None:
    encoded = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")
    protocols = ["digits.v1", f"digits.token.{encoded}"]
    with connect(closed_web.stream_url, subprotocols=protocols) as socket:  # type: ignore[arg-type]
        assert socket.subprotocol == "digits.v1"  # and the token is not repeated
        socket.send(b"\0\0\0\1image 7")
        assert json.loads(socket.recv(PATIENCE_SECONDS))["predictions"][0]["digit"] == 7
    for wrong in ("digits.token.eA", "digits.token.%%", "digits.token."):
        with pytest.raises(InvalidStatus) as rejected:
            connect(closed_web.stream_url, subprotocols=["digits.v1", wrong])  # type: ignore[list-item]
        assert rejected.value.response.status_code == 401
    with connect(closed_web.stream_url, additional_headers=bearer(TOKEN)) as socket:
        socket.send(b"\0\0\0\1image 7")
        assert socket.recv(PATIENCE_SECONDS)


def test_the_certificate_is_used_and_replaced_when_its_files_change(
    start_web: StartWeb, server: FakeRecognizer, tmp_path: Path
) -> None:
    authority = trustme.CA()
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    authority.cert_pem.write_to_path(ca)

    write_certificate(authority, cert, key)
    web = start_web(server.address, "--tls-cert", str(cert), "--tls-key", str(key), ca=ca)
    assert web.url.startswith("https://127.0.0.1:")
    assert web.client.get("/healthz").text == "ok\n"
    write_certificate(authority, cert, key)
    assert "now using the certificate in" in web.log.readline()
    context = ssl.create_default_context(cafile=ca)
    assert httpx.get(f"{web.url}/healthz", verify=context).status_code == 200


def test_a_client_certificate_can_be_required(
    start_web: StartWeb, server: FakeRecognizer, tmp_path: Path
) -> None:
    authority = trustme.CA()
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    authority.cert_pem.write_to_path(ca)
    write_certificate(authority, cert, key)
    flags = ("--tls-cert", str(cert), "--tls-key", str(key), "--tls-client-ca", str(ca))
    web = start_web(server.address, *flags, ca=ca)
    with pytest.raises(httpx.TransportError):
        web.client.get("/healthz")
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    with httpx.Client(verify=context) as client:
        assert client.get(f"{web.url}/healthz").status_code == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_clients_of_a_ca_that_is_removed_are_rejected_also_with_a_session(
    start_web: StartWeb, server: FakeRecognizer, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    kept, removed = trustme.CA(), trustme.CA()
    ca, bundle, cert, key = (tmp_path / name for name in ("ca.pem", "bundle.pem", "cert", "key"))
    kept.cert_pem.write_to_path(ca)
    bundle.write_bytes(kept.cert_pem.bytes() + removed.cert_pem.bytes())
    write_certificate(kept, cert, key)
    flags = ("--tls-cert", str(cert), "--tls-key", str(key), "--tls-client-ca", str(bundle))
    web = start_web(server.address, *flags, ca=ca)

    def client_of(authority: trustme.CA) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = context.maximum_version = version
        authority.issue_cert("client").configure_cert(context)
        return context

    def exchange(context: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
        """Send a request, and return the session of its connection."""
        address = ("127.0.0.1", int(web.url.rpartition(":")[2]))
        with (
            socket.create_connection(address, PATIENCE_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname="127.0.0.1", session=session) as tls,
        ):
            tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            if not tls.recv(2**16):  # with TLS 1.3, the client is rejected after the handshake
                raise ConnectionAbortedError
            assert tls.session_reused == (session is not None)
            return tls.session

    first, second = client_of(kept), client_of(removed)
    exchange(first, None)
    session = exchange(second, None)
    exchange(second, session)

    bundle.write_bytes(kept.cert_pem.bytes())
    assert "now using the certificate in" in web.log.readline()
    exchange(first, None)
    for earlier in (None, session):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            exchange(second, earlier)


def test_pages_of_other_sites_may_do_nothing_unless_asked_for(
    fake_web: Gateway, start_web: StartWeb, server: FakeRecognizer
) -> None:
    preflight = {"origin": SITE, "access-control-request-method": "POST"}
    closed = fake_web.client.options("/v1/recognize", headers=preflight)
    assert closed.status_code == 405
    response = fake_web.client.get("/v1/model", headers={"origin": SITE})
    assert not [name for name in response.headers if name.startswith("access-control")]

    web = start_web(server.address, "--cors-origins", f"{SITE},https://example.net")
    assert web.client.options("/v1/recognize", headers=preflight).status_code == 200
    response = web.client.post("/v1/recognize", headers={"origin": SITE})
    assert response.status_code == 400  # the page can read the problem
    assert response.headers["access-control-allow-origin"] == SITE
    assert "x-request-id" in response.headers["access-control-expose-headers"].lower()
    foreign = preflight | {"origin": "https://evil.example"}
    assert web.client.options("/v1/recognize", headers=foreign).status_code == 400
    with connect(web.stream_url, origin=Origin(SITE)) as socket:
        socket.send(b"\0\0\0\1image 7")
        assert socket.recv(PATIENCE_SECONDS)
