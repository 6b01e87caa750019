"""The Open Inference Protocol by REST."""

import json
import struct
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from .conftest import SELF_TEST_IMAGES, Gateway

INFER = "/v2/models/digits/infer"
IMAGES = np.stack(
    [
        np.asarray(Image.open(SELF_TEST_IMAGES / f"{digit}.png").convert("L").resize((28, 28)))
        for digit in range(10)
    ]
)


def tensor(**changes: Any) -> dict[str, Any]:
    fields = {"name": "images", "datatype": "UINT8", "shape": [10, 28, 28], "data": IMAGES.tolist()}
    return {name: value for name, value in (fields | changes).items() if value is not ...}


def infer(web: Gateway, body: Any, binary: bytes | None = None) -> httpx.Response:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {} if binary is None else {"inference-header-content-length": str(len(text))}
    return web.client.post(INFER, content=text + (binary or b""), headers=headers)


def check_error(response: httpx.Response, status: int, message: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"error": message}


def test_images_as_json_are_recognized(web: Gateway) -> None:
    response = infer(web, {"id": "mine", "inputs": [tensor()]})
    body = response.json()
    assert (body["model_name"], body["id"]) == ("digits", "mine")
    probabilities, digit = body["outputs"]
    assert (probabilities["name"], probabilities["shape"]) == ("probabilities", [10, 10])
    assert (digit["datatype"], digit["data"]) == ("INT64", list(range(10)))
    assert np.reshape(probabilities["data"], (10, 10)).argmax(axis=1).tolist() == list(range(10))


@pytest.mark.parametrize("data", [IMAGES.ravel().tolist(), (IMAGES / 255).tolist()])
def test_elements_are_flat_or_nested_and_whole_or_not(web: Gateway, data: list[Any]) -> None:
    body = {"inputs": [tensor(datatype="FP32", data=data)], "outputs": [{"name": "digit"}]}
    [digit] = infer(web, body).json()["outputs"]
    assert digit["data"] == list(range(10))


def test_binary_tensors_follow_the_json(web: Gateway) -> None:
    inputs = [tensor(data=..., parameters={"binary_data_size": IMAGES.size})]
    body = {"inputs": inputs, "parameters": {"binary_data_output": True}}
    response = infer(web, body, IMAGES.tobytes())
    assert response.headers["content-type"] == "application/octet-stream"
    length = int(response.headers["inference-header-content-length"])
    probabilities, digit = json.loads(response.content[:length])["outputs"]
    sizes = [each["parameters"]["binary_data_size"] for each in (probabilities, digit)]
    assert sizes == [400, 80]
    assert struct.unpack("<10q", response.content[length + 400 :]) == tuple(range(10))


def test_each_output_chooses_its_form(web: Gateway) -> None:
    outputs = [
        {"name": "digit", "parameters": {"binary_data": False}},
        {"name": "probabilities", "parameters": {"binary_data": True}},
    ]
    body = {
        "inputs": [tensor()],
        "outputs": outputs,
        "parameters": {"binary_data_output": True},
    }
    response = infer(web, body)
    length = int(response.headers["inference-header-content-length"])
    digit, probabilities = json.loads(response.content[:length])["outputs"]
    assert digit["data"] == list(range(10))
    assert len(response.content) - length == probabilities["parameters"]["binary_data_size"] == 400


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is not valid JSON"),
        (b"[" * 100_000, "the body is not valid JSON"),
        ([], "the body is not an object"),
        ({"inputs": 3}, "inputs is not a list of at most 16 tensors"),
        ({"inputs": []}, "inputs has 0 tensors; exactly one is required, 'images'"),
        ({"inputs": [tensor(name=5)]}, "inputs[0].name is not a text"),
        ({"inputs": [tensor(shape=["10"])]}, "inputs[0].shape is not a list of whole numbers"),
        ({"inputs": [tensor(shape=[2**64])]}, "inputs[0].shape is not a list of whole numbers"),
        (
            {"inputs": [tensor(datatype="BYTES")]},
            "inputs[0].datatype is 'BYTES'; UINT8 or FP32 is required",
        ),
        ({"inputs": [tensor(data=[256])]}, "inputs[0].data has values that are not 0 to 255"),
        (
            {"inputs": [tensor(data=[[1], [1, 2]])]},
            "inputs[0].data is not a list of whole numbers, flat or of equal rows",
        ),
        (
            {"inputs": [tensor(data=...)]},
            "inputs[0].data is not a list of whole numbers, flat or of equal rows",
        ),
        (
            {"inputs": [tensor(datatype="FP32", data=["1"])]},
            "inputs[0].data is not a list of numbers, flat or of equal rows",
        ),
        (
            {"inputs": [tensor(data=["x" * 2**20, *[""] * 2**20])]},
            "inputs[0].data is not a list of whole numbers, flat or of equal rows",
        ),
        (
            {"inputs": [tensor(data=[True, 1])]},
            "inputs[0].data is not a list of whole numbers, flat or of equal rows",
        ),
        (
            {"inputs": [tensor(data=[2**70])]},
            "inputs[0].data has values that are not 0 to 255",
        ),
        (
            {"inputs": [tensor(datatype="FP32", data=[10**400])]},
            "inputs[0].data has a value that is not finite",
        ),
        (
            b'{"inputs": [{"name": "images", "datatype": "FP32", "shape": [], "data": %s}]}'
            % (b"[" * 500 + b"]" * 500),
            "inputs[0].data is not a list of numbers, flat or of equal rows",
        ),
        (
            {"inputs": [tensor(datatype="FP32", shape=[1, 784], data=[1e999] * 784)]},
            "raw_input_contents[0] has a value that is not finite",
        ),
        (
            {"inputs": [tensor()], "outputs": [{"name": "x"}]},
            "outputs[0].name is 'x'; the outputs are 'probabilities' and 'digit'",
        ),
        (
            {"inputs": [tensor(parameters={"shared_memory_region": "r"})]},
            "inputs[0].parameters has 'shared_memory_region', which is not supported",
        ),
        (
            {"inputs": [tensor(parameters={"binary_data_size": 1})]},
            "inputs[0].parameters.binary_data_size is 1; the body has 0 bytes",
        ),
        ({"inputs": [tensor()], "id": "\ud800"}, "id is not a text"),
    ],
)
def test_what_is_wrong_is_named(web: Gateway, body: Any, message: str) -> None:
    check_error(infer(web, body), 400, message)


@pytest.mark.parametrize("length", ["-1", "9999", "x", "1" * 30])
def test_a_wrong_length_of_the_json_is_named(web: Gateway, length: str) -> None:
    headers = {"inference-header-content-length": length}
    response = web.client.post(INFER, content=b"{}", headers=headers)
    message = "Inference-Header-Content-Length is not 0 to 2, the size of the body"
    check_error(response, 400, message)


def test_bytes_that_belong_to_no_tensor_are_an_error(web: Gateway) -> None:
    inputs = [tensor(data=..., parameters={"binary_data_size": IMAGES.size})]
    response = infer(web, {"inputs": inputs}, IMAGES.tobytes() + b"123")
    check_error(response, 400, "the body has 3 bytes that belong to no input")


def test_json_above_its_limit_is_rejected(web: Gateway) -> None:
    message = "the JSON is larger than 8388608 bytes; send tensors as binary data"
    check_error(infer(web, b" " * (8 * 2**20 + 1)), 413, message)


@pytest.mark.parametrize("path", ["", "/ready", "/infer", "/versions/99/infer"])
def test_another_model_or_version_is_not_found(web: Gateway, path: str) -> None:
    method = "POST" if path.endswith("infer") else "GET"
    name = "digits" if "99" in path else "other"
    response = web.client.request(method, f"/v2/models/{name}{path}", content=b'{"inputs": []}')
    assert response.status_code == 404
    assert "served" in response.json()["error"]


def test_the_served_version_is_named_in_the_path_too(web: Gateway) -> None:
    [version] = web.client.get("/v2/models/digits").json()["versions"]
    base = f"/v2/models/digits/versions/{version}"
    assert web.client.get(base).json()["inputs"][0]["shape"] == [-1, 28, 28]
    assert web.client.get(f"{base}/ready").json() == {"name": "digits", "ready": True}
    response = web.client.post(f"{base}/infer", content=json.dumps({"inputs": [tensor()]}))
    assert response.json()["model_version"] == version


def test_health_and_metadata_of_the_server(web: Gateway) -> None:
    assert web.client.get("/v2/health/live").json() == {"live": True}
    assert web.client.get("/v2/health/ready").json() == {"ready": True}
    body = web.client.get("/v2").json()
    assert (body["name"], body["extensions"]) == ("digits-server", ["binary_tensor_data"])
    assert web.client.get("/v2/nothing").json().keys() == {"error"}
