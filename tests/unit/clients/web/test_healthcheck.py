"""The health check of a gateway's container, against a server of HTTP in place of the gateway."""

import contextlib
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme

from digits_client.web import healthcheck
from digits_client.web.settings import Settings


@contextlib.contextmanager
def serving(status: int, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve /healthz with a status, and yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_gateway_that_responds_is_healthy() -> None:
    with serving(200) as port:
        assert healthcheck.failure(Settings(host="0.0.0.0", port=port)) is None


def test_a_status_other_than_200_is_a_failure() -> None:
    with serving(503) as port:
        reason = healthcheck.failure(Settings(port=port))
    assert reason == f"http://127.0.0.1:{port}/healthz has status 503"


def test_a_gateway_that_is_not_there_is_a_failure() -> None:
    reason = healthcheck.failure(Settings(port=1))
    assert reason is not None
    assert reason.startswith("http://127.0.0.1:1/ does not respond: ")


def test_a_certificate_for_another_name_does_not_matter(tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("digits.example").configure_cert(tls)
    with serving(200, tls) as port:
        settings = Settings(port=port, tls_cert=tmp_path / "tls.crt", tls_key=tmp_path / "tls.key")
        assert healthcheck.failure(settings) is None
    reason = healthcheck.failure(settings)
    assert reason is not None
    assert reason.startswith(f"https://127.0.0.1:{port}/ does not respond: ")


def test_a_gateway_that_requires_client_certificates_only_has_to_listen(tmp_path: Path) -> None:
    file = tmp_path / "pem"
    with serving(404) as port:
        settings = Settings(port=port, tls_cert=file, tls_key=file, tls_client_ca=file)
        assert healthcheck.failure(settings) is None
    assert healthcheck.failure(settings) is not None


def test_the_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(200) as port:
        monkeypatch.setenv("DIGITS_WEB_PORT", str(port))
        assert healthcheck.main() is None
    monkeypatch.setenv("DIGITS_WEB_PORT", "many")
    assert (healthcheck.main() or "").startswith("DIGITS_WEB_PORT: ")
