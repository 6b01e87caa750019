"""Corrections of the page, in a folder that the training reads."""

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw

from digits_client.draw.corrections import NOT_A_DIGIT, Corrections
from digits_training.eval_sets import corrections_set
from tests.integration.clients.conftest import FakeRecognizer
from tests.processes import ServerProcess

from .conftest import THREE, Gateway, StartWeb, check_problem

PATH = "/v1/corrections"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "corrections"


@pytest.fixture
def keeping_web(start_web: StartWeb, server: FakeRecognizer, folder: Path) -> Gateway:
    """A gateway that keeps corrections."""
    return start_web(server.address, "--corrections", str(folder))


def png(width: int = 120, height: int = 60) -> bytes:
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    for left in range(10, width, 60):
        draw.rectangle((left, 10, left + 8, 50), fill=0)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def correct(web: Gateway, label: Any, image: bytes | None = None, **fields: Any) -> httpx.Response:
    encoded = base64.b64encode(png() if image is None else image).decode()
    return web.client.post(PATH, json={"image": encoded, "label": label, **fields})


def prediction(text: str) -> dict[str, Any]:
    """Return what the gateway responds for a number, as JSON."""
    places = [
        {
            "verdict": "VERDICT_DIGIT",
            "digit": int(character),
            "modelVersion": "7",
            "box": {"left": 10 + 60 * index, "top": 10, "width": 9, "height": 41},
        }
        for index, character in enumerate(text)
    ]
    box = {"left": 10, "top": 10, "width": 70, "height": 41}
    numbers = [{"text": text, "confidence": 0.5, "box": box}]
    return {"sequence": "4", "predictions": places, "numbers": numbers, "unknown": 1}


def test_without_a_folder_nothing_is_kept(fake_web: Gateway) -> None:
    assert fake_web.client.get("/v1/settings").json()["corrections"] is False
    check_problem(correct(fake_web, "3"), 404, "NOT_FOUND")


def test_a_digit_is_kept_and_learned_from(keeping_web: Gateway, folder: Path) -> None:
    assert keeping_web.client.get("/v1/settings").json()["corrections"] is True
    response = correct(keeping_web, "3", THREE, prediction=prediction("8"))
    assert (response.status_code, response.json()) == (201, {"saved": [0]})
    [kept] = Corrections(folder)
    assert (kept.label, kept.predicted, kept.model_version) == (3, "8", "7")
    assert corrections_set(folder).labels.tolist() == [3]


def test_only_the_digits_of_a_number_that_were_misread_are_kept(
    keeping_web: Gateway, folder: Path
) -> None:
    response = correct(keeping_web, "17", prediction=prediction("11"))
    assert response.json() == {"saved": [1]}
    [kept] = Corrections(folder)
    assert (kept.label, kept.predicted) == (7, "1")
    with Image.open(kept.path) as image:
        assert image.width < 60
    assert correct(keeping_web, "11", prediction=prediction("11")).json() == {"saved": []}


def test_boxes_of_the_caller_tell_the_digits_apart(keeping_web: Gateway, folder: Path) -> None:
    boxes = [{"left": 10 + 60 * index, "top": 10, "width": 9, "height": 41} for index in (0, 1)]
    assert correct(keeping_web, "17", boxes=boxes).json() == {"saved": [0, 1]}
    assert [kept.label for kept in Corrections(folder)] == [1, 7]
    detail = check_problem(correct(keeping_web, "123"), 422, "INVALID_ARGUMENT")
    assert detail == "The 3 digits cannot be told apart: write them with gaps between them."


def test_strokes_are_kept_with_the_digit(keeping_web: Gateway, folder: Path) -> None:
    strokes = [{"points": [[200, 50, 0.5], [200, 300, 1]], "width": 20, "erases": False}]
    correct(keeping_web, "1", png(400, 400), strokes=strokes)
    [kept] = Corrections(folder)
    [stroke] = kept.strokes
    assert (stroke.points, stroke.width) == (((200.0, 50.0), (200.0, 300.0)), 20.0)


def test_what_is_not_a_digit_is_kept_too(keeping_web: Gateway, folder: Path) -> None:
    assert correct(keeping_web, "not a digit", prediction=prediction("1")).status_code == 201
    [kept] = Corrections(folder)
    assert (kept.label, kept.predicted) == (NOT_A_DIGIT, "1")
    assert corrections_set(folder).labels.tolist() == [NOT_A_DIGIT]


def test_a_correction_can_be_taken_back_but_no_other_file(
    keeping_web: Gateway, folder: Path
) -> None:
    location = correct(keeping_web, "17", prediction=prediction("22")).headers["location"]
    assert len(list(folder.iterdir())) == 4
    for wrong in (f"{PATH}/x", f"{PATH}/..%2fx", f"{location},x"):
        check_problem(keeping_web.client.delete(wrong), 404, "NOT_FOUND")
    assert keeping_web.client.delete(location).status_code == 204
    assert not list(folder.iterdir())
    check_problem(keeping_web.client.delete(location), 404, "NOT_FOUND")


def test_an_old_correction_cannot_be_taken_back(keeping_web: Gateway, folder: Path) -> None:
    location = correct(keeping_web, "1").headers["location"]
    [kept] = Corrections(folder)
    file = kept.path.with_suffix(".json")
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"time": "2026-01-01T00:00:00+00:00"}))
    check_problem(keeping_web.client.delete(location), 404, "NOT_FOUND")
    assert list(Corrections(folder))


@pytest.mark.parametrize("label", ["", "x", "²", "1" * 33, None, 3, ["3"]])
def test_a_label_that_means_nothing_is_rejected(
    keeping_web: Gateway, folder: Path, label: Any
) -> None:
    detail = check_problem(correct(keeping_web, label), 400, "INVALID_ARGUMENT")
    assert detail == "label is not 1 to 32 digits or 'not a digit'"
    assert not folder.exists()


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"image": "***"}, "image is not a PNG file as base64"),
        ({"image": base64.b64encode(b"GIF89a").decode()}, "image is not a PNG file as base64"),
        ({"image": base64.b64encode(png()[:60]).decode()}, "image is not a PNG file as base64"),
        ({"boxes": 3}, "boxes is not a list"),
        ({"boxes": ["x"]}, "boxes is not a list of boxes"),
        ({"boxes": [{"left": 500, "width": 1, "height": 1}]}, "boxes has a box that is not in the"),
        ({"strokes": [{"points": []}]}, "strokes is not a list of strokes with points and a width"),
        ({"strokes": [{"points": [[1e9, 1]], "width": 3}]}, "strokes is not a list of strokes"),
    ],
)
def test_fields_that_are_not_valid_are_named(
    keeping_web: Gateway, fields: dict[str, Any], detail: str
) -> None:
    body = {"image": base64.b64encode(png()).decode(), "label": "3"} | fields
    response = keeping_web.client.post(PATH, json=body)
    assert check_problem(response, 400, "INVALID_ARGUMENT").startswith(detail)


@pytest.mark.parametrize("side", [5_000, 20_000])  # above our limit, and above Pillow's
def test_an_image_with_too_many_pixels_is_a_413(keeping_web: Gateway, side: int) -> None:
    image = bytearray(png())
    image[16:24] = side.to_bytes(4, "big") * 2  # its header announces them
    image[29:33] = zlib.crc32(image[12:29]).to_bytes(4, "big")
    detail = check_problem(correct(keeping_web, "3", bytes(image)), 413, "RESOURCE_EXHAUSTED")
    assert detail == "the image has more than 16777216 pixels"


def test_a_form_of_another_site_cannot_keep_anything(keeping_web: Gateway) -> None:
    response = keeping_web.client.post(PATH, content=b"{}", headers={"content-type": "text/plain"})
    check_problem(response, 415, "INVALID_ARGUMENT")


def test_a_folder_that_cannot_be_written_to_is_a_507(
    start_web: StartWeb, server: FakeRecognizer, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    web = start_web(server.address, "--corrections", str(tmp_path / "file" / "folder"))
    check_problem(correct(web, "3"), 507, "RESOURCE_EXHAUSTED")
    assert "cannot write" in web.log.readline()


def test_a_response_of_the_gateway_is_a_prediction(
    start_web: StartWeb, digits_server: ServerProcess, folder: Path
) -> None:
    web = start_web(digits_server.address, "--corrections", str(folder))
    response = web.client.post("/v1/recognize?layout=number", content=THREE).json()
    assert correct(web, "5", THREE, prediction=response).status_code == 201
    [kept] = Corrections(folder)
    assert (kept.label, kept.predicted) == (5, "3")
