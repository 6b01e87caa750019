"""The page shows the same figures and words as the window, by the same rules."""

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from digits.v1 import recognizer_pb2 as pb
from digits_client.draw import view_model
from digits_client.responses import to_number
from scripts.browser import Browser

VIEW = """
const [response, done] = arguments;
import("/static/prediction.js").then(({ viewOf }) => done(viewOf(JSON.parse(response))));
"""


def prediction(digit: int, share: float, second: int, not_a_digit: float | None) -> pb.Prediction:
    probabilities = [0.0] * 10
    probabilities[digit], probabilities[second] = share, 1 - share
    return pb.Prediction(
        verdict=pb.VERDICT_DIGIT,
        digit=digit,
        confidence=share,
        probabilities=probabilities,
        not_a_digit=not_a_digit,
    )


def view_of(page: Browser, response: pb.RecognizeResponse) -> dict[str, Any]:
    """Return what the page shows of a response."""
    content = json.dumps(MessageToDict(response))
    return dict(page.driver.execute_async_script(VIEW, content))


@pytest.mark.parametrize(
    ("found", "caption"),
    [
        (prediction(3, 1.0, 8, 0.0), "99.9% sure"),
        (prediction(3, 0.91, 8, 0.0), "91.0% sure"),
        (prediction(3, 0.58, 8, 0.0), "58.0% sure, maybe an 8"),
        (prediction(4, 0.996, 9, 0.3), "69.7% sure, maybe not a digit"),
        (prediction(4, 0.6, 9, 0.2), "not sure: 48.0%, maybe a 9"),
        (prediction(4, 0.6, 9, None), "60.0% sure, maybe a 9"),
    ],
)
def test_a_digit_has_the_figure_and_the_words_of_the_window(
    page: Browser, found: pb.Prediction, caption: str
) -> None:
    response = pb.RecognizeResponse(
        predictions=[found], numbers=[pb.Number(text=str(found.digit), confidence=found.confidence)]
    )
    shown = view_of(page, response)
    window = view_model.number_view(to_number(response), 0, reads_numbers=True)
    assert shown["caption"] == window.caption == caption
    assert shown["tone"] == window.tone.value
    assert shown["places"][0]["shares"] == pytest.approx(window.bars)
    assert shown["confidence"] == pytest.approx(to_number(response).share)


@pytest.mark.parametrize(
    ("confidence", "caption"),
    [(0.95, "95.0% sure"), (0.7, "70.0% sure"), (0.34, "not sure: 34.0%")],
)
def test_a_number_has_the_figure_and_the_words_of_the_window(
    page: Browser, confidence: float, caption: str
) -> None:
    places = [prediction(8, 0.7, 3, 0.0), prediction(8, 0.6, 3, 0.0)]
    number = pb.Number(text="88", confidence=confidence)
    response = pb.RecognizeResponse(predictions=places, numbers=[number])
    shown = view_of(page, response)
    window = view_model.number_view(to_number(response), 1, reads_numbers=True)
    assert shown["caption"] == window.caption == caption
    assert shown["tone"] == window.tone.value
    assert shown["places"][1]["label"] == "Digit 2 of 2: 8, 60.0% sure"
