"""The page and the documentation: security headers, caching, compression, request ids."""

import gzip
import re

import pytest

from digits_client.look import style_sheet

from .conftest import Gateway

CSP = "content-security-policy"


@pytest.mark.parametrize("path", ["/", "/docs", "/v1/settings", "/nothing", "/static/nothing.js"])
def test_every_response_forbids_what_the_page_does_not_need(web: Gateway, path: str) -> None:
    headers = web.client.get(path).headers
    assert headers[CSP].startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in headers[CSP]
    assert "frame-ancestors 'none'" in headers[CSP]
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_the_page_is_revalidated_and_not_sent_twice(web: Gateway) -> None:
    first = web.client.get("/")
    assert first.headers["content-type"].startswith("text/html")
    assert first.headers["cache-control"] == "no-cache"
    second = web.client.get("/", headers={"if-none-match": first.headers["etag"]})
    assert (second.status_code, second.content) == (304, b"")


def test_the_page_has_the_look_of_the_window_and_the_reports(web: Gateway) -> None:
    first = web.client.get("/static/look.css")
    assert first.headers["content-type"].startswith("text/css")
    assert first.text == style_sheet()
    assert first.headers["cache-control"] == "no-cache"
    headers = {"if-none-match": first.headers["etag"]}
    second = web.client.get("/static/look.css", headers=headers)
    assert (second.status_code, second.content) == (304, b"")
    assert web.client.post("/static/look.css").status_code == 405


def test_the_documentation_is_compressed_where_the_browser_accepts_it(web: Gateway) -> None:
    for path in ("/docs", "/openapi.json"):
        url = f"{web.url}{path}"
        request = web.client.build_request("GET", url, headers={"accept-encoding": "gzip"})
        response = web.client.send(request, stream=True)
        content = b"".join(response.iter_raw())
        assert response.headers["content-encoding"] == "gzip"
        assert gzip.decompress(content) == web.client.get(path).content
        plain = web.client.get(path, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers


def test_the_documentation_loads_nothing_from_elsewhere(web: Gateway) -> None:
    page = web.client.get("/docs").text
    assert set(re.findall(r'(?:src|href)="([^"#]+)"', page)) == {"/docs.css", "/openapi.json", "/"}
    assert "<script" not in page
    assert " style=" not in page


@pytest.mark.parametrize(
    "path", ["/static/../gate.py", "/static/%2e%2e/gate.py", "/static//etc/passwd", "/static/%00"]
)
def test_files_outside_the_page_are_not_found(web: Gateway, path: str) -> None:
    response = web.client.get(f"{web.url}{path}")
    assert response.status_code == 404


def test_a_request_keeps_its_id_and_gets_one_otherwise(web: Gateway) -> None:
    given = web.client.get("/healthz", headers={"x-request-id": "abc-1.2"})
    assert given.headers["x-request-id"] == "abc-1.2"
    for unusable in ("x" * 65, "a b", 'a"b'):
        response = web.client.get("/healthz", headers={"x-request-id": unusable})
        assert re.fullmatch("[0-9a-f]{16}", response.headers["x-request-id"])


def test_metrics_count_requests_by_path_and_not_by_what_callers_invent(web: Gateway) -> None:
    for index in range(3):
        web.client.get(f"/invented/{index}")
    web.client.put("/healthz")
    text = web.client.get("/metrics").text
    assert 'digits_web_requests_total{method="GET",path="other",status="404"}' in text
    assert 'digits_web_requests_total{method="other",path="/healthz",status="405"}' in text
    assert "invented" not in text.lower()
    assert 'digits_web_request_seconds_bucket{le="0.001",path="/healthz"}' in text
