"""Failures of the digits server: the right status, and a sentence for the caller."""

import concurrent.futures

import grpc
import httpx
import pytest

from tests.integration.clients.conftest import FakeRecognizer, retry_info, serving
from tests.processes import free_port, wait_until

from .conftest import THREE, Gateway, StartWeb, check_problem, png

Code = grpc.StatusCode
IMAGE = b"image 7"


@pytest.mark.parametrize(
    ("code", "status", "detail"),
    [
        (Code.INVALID_ARGUMENT, 400, "configured failure"),
        (Code.DEADLINE_EXCEEDED, 504, "the digits server did not respond in time"),
        (Code.INTERNAL, 502, "the digits server failed; the log of digits-web has the reason"),
        (
            Code.UNAUTHENTICATED,
            502,
            "the digits server failed; the log of digits-web has the reason",
        ),
        (Code.UNIMPLEMENTED, 502, "the digits server failed; the log of digits-web has the reason"),
        (Code.RESOURCE_EXHAUSTED, 413, "configured failure"),
    ],
)
def test_each_status_of_a_call_has_its_http_status(
    fake_web: Gateway, server: FakeRecognizer, code: Code, status: int, detail: str
) -> None:
    server.fail(code, None)
    response = fake_web.client.post("/v1/recognize", content=IMAGE)
    assert check_problem(response, status, code.name) == detail
    assert "retry-after" not in response.headers


def test_an_overloaded_server_says_when_to_retry(fake_web: Gateway, server: FakeRecognizer) -> None:
    server.fail(Code.RESOURCE_EXHAUSTED, details=retry_info(1200))
    response = fake_web.client.post("/v1/recognize", content=IMAGE)
    assert check_problem(response, 429, "RESOURCE_EXHAUSTED") == "configured failure"
    assert response.headers["retry-after"] == "2"


def test_a_server_that_is_away_is_a_503_until_it_is_back(start_web: StartWeb) -> None:
    port = free_port()
    web = start_web(f"127.0.0.1:{port}")
    response = web.client.post("/v1/recognize", content=IMAGE)
    detail = check_problem(response, 503, "UNAVAILABLE")
    assert detail == "the digits server is not available; retry later"
    assert str(port) not in response.text
    assert response.headers["retry-after"] == "1"
    assert f"no server is listening at 127.0.0.1:{port}" in web.log.readline()
    assert web.client.get("/v2/health/ready").status_code == 503
    assert web.client.get("/healthz").status_code == 200
    with serving(FakeRecognizer(), port):
        wait_until(lambda: web.client.post("/v1/recognize", content=IMAGE).status_code == 200)


def test_a_call_that_takes_too_long_is_a_504(start_web: StartWeb, server: FakeRecognizer) -> None:
    server.go_on.clear()
    web = start_web(server.address, "--timeout-seconds", "0.2")
    for image in (IMAGE, png(7)):  # alone, and in a queue with others
        response = web.client.post("/v1/recognize", content=image)
        check_problem(response, 504, "DEADLINE_EXCEEDED")


def recognize_at_once(web: Gateway, images: list[bytes]) -> list[httpx.Response]:
    with concurrent.futures.ThreadPoolExecutor(len(images)) as threads:
        return list(
            threads.map(lambda image: web.client.post("/v1/recognize", content=image), images)
        )


def recognize_together(web: Gateway, server: FakeRecognizer, images: list[bytes]) -> list[int]:
    """Send images while two calls are in flight, so that they wait for each other.

    Returns:
        The digit of each image; -1 for an error.
    """
    server.go_on.clear()
    with concurrent.futures.ThreadPoolExecutor(2 + len(images)) as threads:

        def send(image: bytes) -> "concurrent.futures.Future[httpx.Response]":
            return threads.submit(web.client.post, "/v1/recognize", content=image)

        send(png(0))
        wait_until(lambda: server.attempt_count == 1)
        send(png(0))
        wait_until(lambda: server.attempt_count == 2)
        sent = [send(image) for image in images]
        gauge = f"digits_web_requests_in_flight {len(images) + 3}.0"
        wait_until(lambda: gauge in web.client.get("/metrics").text)
        server.go_on.set()
        responses = [each.result() for each in sent]
    return [
        response.json()["predictions"][0]["digit"] if response.status_code == 200 else -1
        for response in responses
    ]


def test_small_images_of_concurrent_requests_share_a_message(
    fake_web: Gateway, server: FakeRecognizer
) -> None:
    digits = [index % 10 for index in range(20)]
    assert recognize_together(fake_web, server, [png(digit) for digit in digits]) == digits
    assert server.attempt_count == 3


@pytest.mark.parametrize("image", [png(7, side=2000), png(7, size=100_000), b"a photo 7"])
def test_other_images_are_sent_alone(
    fake_web: Gateway, server: FakeRecognizer, image: bytes
) -> None:
    server.go_on.clear()
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        sent = [
            threads.submit(fake_web.client.post, "/v1/recognize", content=image) for _ in range(6)
        ]
        wait_until(lambda: server.attempt_count == 6)
        server.go_on.set()
        assert {each.result().status_code for each in sent} == {200}


def test_layouts_do_not_share_a_message(fake_web: Gateway, server: FakeRecognizer) -> None:
    images = [png(digit) for digit in range(5)]
    with concurrent.futures.ThreadPoolExecutor(10) as threads:
        numbers = threads.map(
            lambda image: fake_web.client.post("/v1/recognize?layout=digit&frame=1", content=image),
            images,
        )
        digits = [each.json()["predictions"][0] for each in recognize_at_once(fake_web, images)]
        assert [each["digit"] for each in digits] == [0, 1, 2, 3, 4]
        assert {each["frame"] for each in digits} == {""}
        assert all(each.json()["predictions"][0]["frame"] for each in numbers)


def test_a_server_that_takes_fewer_images_gets_them_one_by_one(
    fake_web: Gateway, server: FakeRecognizer
) -> None:
    # What a server responds to a message with more images than it accepts.
    server.fail(Code.INVALID_ARGUMENT, 1, after=2)
    digits = [index % 10 for index in range(8)]
    assert recognize_together(fake_web, server, [png(digit) for digit in digits]) == digits


def test_an_overloaded_server_rejects_all_images_of_a_message_at_once(
    fake_web: Gateway, server: FakeRecognizer
) -> None:
    server.fail(Code.RESOURCE_EXHAUSTED, None, after=2, details=retry_info(500))
    digits = recognize_together(fake_web, server, [png(3) for _ in range(30)])
    assert digits == [-1] * 30
    assert server.attempt_count == 3  # and not one call for each


def test_a_response_with_a_wrong_number_of_results_is_a_502(
    fake_web: Gateway, server: FakeRecognizer
) -> None:
    server.missing_result_count = 1
    digits = recognize_together(fake_web, server, [png(3) for _ in range(30)])
    assert digits == [-1] * 30


def test_one_invalid_image_of_a_message_is_a_400_and_the_others_are_recognized(
    web: Gateway,
) -> None:
    images = [THREE if index % 3 else png(1) for index in range(30)]
    responses = recognize_at_once(web, images)
    for image, response in zip(images, responses, strict=True):
        if image is THREE:
            assert response.json()["predictions"][0]["digit"] == 3
        else:
            assert "image.encoded" in check_problem(response, 400, "INVALID_ARGUMENT")
