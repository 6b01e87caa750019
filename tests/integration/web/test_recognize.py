"""Images by HTTP: as the body, as a file of a form, and several at a time."""

import pytest
from google.protobuf import json_format

from digits.v1 import recognizer_pb2 as pb
from digits_client import Client
from tests.processes import ServerProcess

from .conftest import SELF_TEST_IMAGES, THREE, Gateway, check_problem, files


def test_an_image_as_the_body_is_recognized_as_by_grpc(
    web: Gateway, digits_server: ServerProcess
) -> None:
    response = web.client.post("/v1/recognize", content=THREE)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    message = json_format.Parse(response.text, pb.RecognizeResponse())
    assert message.predictions[0].digit == 3
    with Client(digits_server.address) as client:
        assert message.predictions[0].confidence == client.recognize(THREE).confidence


@pytest.mark.parametrize("digit", range(10))
def test_every_field_is_present_also_at_its_default(web: Gateway, digit: int) -> None:
    image = (SELF_TEST_IMAGES / f"{digit}.png").read_bytes()
    body = web.client.post("/v1/recognize", content=image).json()
    assert body["numbers"] == []
    [prediction] = body["predictions"]
    assert prediction["digit"] == digit
    assert prediction["frame"] == ""
    assert prediction["reason"] == "REASON_UNSPECIFIED"
    assert prediction["line"] == 0


def test_the_only_file_of_a_form_is_recognized(web: Gateway) -> None:
    response = web.client.post("/v1/recognize", files=files(THREE))
    assert response.json()["predictions"][0]["digit"] == 3


def test_the_query_chooses_the_layout_and_the_frame(web: Gateway) -> None:
    query = {"layout": "number", "frame": "true"}
    body = web.client.post("/v1/recognize", params=query, content=THREE).json()
    assert [number["text"] for number in body["numbers"]] == ["3"]
    message = json_format.ParseDict(body, pb.RecognizeResponse())
    assert len(message.predictions[0].frame) == 784


def test_each_file_of_a_batch_has_its_result_in_its_place(web: Gateway) -> None:
    images = [(SELF_TEST_IMAGES / f"{digit}.png").read_bytes() for digit in (4, 0)]
    response = web.client.post("/v1/recognize:batch", files=files(images[0], b"junk", images[1]))
    first, second, third = response.json()["results"]
    assert (first["predictions"][0]["digit"], third["predictions"][0]["digit"]) == (4, 0)
    assert "error" not in first
    assert second["error"]["code"] == 3
    assert "PNG" in second["error"]["message"]


def test_more_files_than_a_message_takes_are_all_recognized(web: Gateway) -> None:
    response = web.client.post("/v1/recognize:batch", files=files(*[THREE] * 150))
    digits = [each["predictions"][0]["digit"] for each in response.json()["results"]]
    assert digits == [3] * 150


def test_the_model_and_the_limits_are_returned(web: Gateway, digits_server: ServerProcess) -> None:
    body = web.client.get("/v1/model").json()
    with Client(digits_server.address) as client:
        model = client.model()
    assert body["model"]["version"] == model.version
    assert int(body["limits"]["maxImageBytes"]) == model.limits.max_image_bytes


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("layout=word", "layout='word' is not one of digit, number, page"),
        ("frame=maybe", "frame='maybe' is not true or false"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/recognize", "/v1/recognize:batch"])
def test_a_query_that_means_nothing_is_named(
    web: Gateway, path: str, query: str, detail: str
) -> None:
    response = web.client.post(f"{path}?{query}", files=files(THREE))
    assert check_problem(response, 400, "INVALID_ARGUMENT") == detail


def test_what_is_not_an_image_is_named(web: Gateway) -> None:
    response = web.client.post("/v1/recognize", content=b"junk")
    assert "image.encoded is not a PNG" in check_problem(response, 400, "INVALID_ARGUMENT")


def test_a_body_is_required(web: Gateway) -> None:
    detail = check_problem(web.client.post("/v1/recognize"), 400, "INVALID_ARGUMENT")
    assert detail == "the body is empty; it must be an image, or a form with one file"


def test_a_form_without_files_is_rejected(web: Gateway) -> None:
    form = {"headers": {"content-type": "multipart/form-data; boundary=x"}, "content": b"--x--\r\n"}
    for path in ("/v1/recognize", "/v1/recognize:batch"):
        detail = check_problem(web.client.post(path, **form), 400, "INVALID_ARGUMENT")  # type: ignore[arg-type]
        assert detail == "the form has no file"


def test_a_batch_has_to_be_a_form(web: Gateway) -> None:
    response = web.client.post("/v1/recognize:batch", content=THREE)
    assert "multipart/form-data" in check_problem(response, 415, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("GET", "/v1/recognize", 405), ("DELETE", "/", 405)],
)
def test_paths_and_methods_that_do_not_exist_are_problems(
    web: Gateway, method: str, path: str, status: int
) -> None:
    response = web.client.request(method, path)
    detail = check_problem(response, status, "NOT_FOUND" if status == 404 else "UNIMPLEMENTED")
    assert detail.endswith(f"/docs lists the {'paths' if status == 404 else 'methods'}")
    assert ("allow" in response.headers) == (status == 405)
