"""What notebooks show of results."""

import base64
import dataclasses
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from digits_client import (
    FileResult,
    InvalidImageError,
    Number,
    Prediction,
    Reason,
    Verdict,
)

SEVEN = Prediction(Verdict.DIGIT, 7, 1.0, (0.0,) * 7 + (1.0, 0.0, 0.0), "12")
UNSURE = Prediction(Verdict.DIGIT, 7, 0.62, (0.0, 0.3) + (0.01,) * 5 + (0.62, 0.01, 0.01), "12")
LETTER = dataclasses.replace(SEVEN, verdict=Verdict.NOT_A_DIGIT, digit=None, reason=Reason.NO_DIGIT)
BLANK = Prediction(Verdict.BLANK, None, 0.0, (), "12")
TOO_SMALL = dataclasses.replace(BLANK, verdict=Verdict.NOT_A_DIGIT, reason=Reason.TOO_SMALL)
FRAME = np.resize(np.arange(256, dtype=np.uint8), (28, 28))
WITH_FRAME = dataclasses.replace(SEVEN, frame=FRAME)
NUMBER = Number("77", 0.9999, (SEVEN, UNSURE), None)
PART_OF_A_NUMBER = Number("7?", 0.98, (SEVEN, LETTER), None)
ALL = [
    *(SEVEN, UNSURE, LETTER, BLANK, TOO_SMALL, WITH_FRAME, NUMBER, PART_OF_A_NUMBER),
    Number("", 0.0, (BLANK,), None),
    FileResult("a/<seven>.png", SEVEN),
    FileResult("b\udce9.png", InvalidImageError("b\udce9.png is not <an> image")),
]

Shown = Prediction | Number | FileResult


def parsed(result: Shown) -> ElementTree.Element:
    """Return the HTML of a result, which is well-formed XML except for its images."""
    return ElementTree.fromstring(re.sub(r"(<(img|br)\b[^>]*)>", r"\1/>", result._repr_html_()))


def text(result: Shown) -> str:
    """Return what a reader sees of a result."""
    return " ".join(" ".join(parsed(result).itertext()).split())


@pytest.mark.parametrize("result", ALL, ids=str)
def test_the_html_is_well_formed_and_can_be_sent_as_utf_8(result: Shown) -> None:
    assert parsed(result).tag == "div"
    assert result._repr_html_().encode()


@pytest.mark.parametrize("result", ALL, ids=str)
def test_the_html_runs_nothing_and_loads_nothing(result: Shown) -> None:
    for element in parsed(result).iter():
        assert element.tag in {"div", "img", "code", "br"}
        assert not [name for name in element.attrib if name.startswith("on")]
        assert element.get("src", "data:").startswith("data:")
        assert "url(" not in element.get("style", "")


@pytest.mark.parametrize("result", ALL, ids=str)
def test_the_text_has_the_color_of_the_notebook(result: Shown) -> None:
    colors = re.findall(r"(?<![-\w])color:([^;\"]*)", result._repr_html_())
    assert set(colors) <= {"inherit"}


@pytest.mark.parametrize("result", ALL, ids=str)
def test_nothing_is_shown_as_certain(result: Shown) -> None:
    assert "100" not in re.sub(r"style=\"[^\"]*\"|src=\"[^\"]*\"", "", result._repr_html_())


def test_a_digit_is_shown_with_its_confidence_and_a_bar_for_each_digit() -> None:
    assert text(SEVEN) == "7 99.9% sure model 12 0 1 2 3 4 5 6 7 8 9 not a digit"
    [bars] = [element for element in parsed(SEVEN).iter() if element.get("role") == "img"]
    assert "7: 99.9%" in bars.get("aria-label", "")
    assert bars[7].get("title") == "7: 99.9%"


def test_an_unsure_digit_names_the_second_most_likely_one() -> None:
    assert text(UNSURE).startswith("7 62.0% sure, maybe a 1 model")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.NO_DIGIT, "? not a digit"),
        (None, "? not a digit"),
        (Reason.TOO_SMALL, "? too small to read"),
        (Reason.TOO_FAINT, "? too faint to read"),
        (Reason.SEVERAL_DIGITS, "? several digits; recognize_number reads them"),
    ],
)
def test_a_rejected_image_says_why(reason: Reason | None, words: str) -> None:
    assert text(dataclasses.replace(LETTER, reason=reason)).startswith(f"{words} model")


def test_the_largest_bar_of_a_rejected_image_is_that_of_not_a_digit() -> None:
    rejected = dataclasses.replace(LETTER, not_a_digit=0.9)
    assert text(rejected) == "? not a digit model 12 0 1 2 3 4 5 6 7 8 9 not a digit"
    [bars] = [element for element in parsed(rejected).iter() if element.get("role") == "img"]
    assert [bar.get("title") for bar in bars][7:] == [
        "7: 10.0%",
        "8: 0%",
        "9: 0%",
        "not a digit: 90.0%",
    ]


def test_bars_that_would_contradict_the_verdict_are_not_shown() -> None:
    assert text(LETTER) == "? not a digit model 12"  # from a server that does not report the rest


def test_a_blank_image_has_no_bars() -> None:
    assert text(BLANK) == "blank model 12"


def test_pages_that_were_not_read_are_mentioned() -> None:
    assert text(dataclasses.replace(BLANK, unread_pages=1)).endswith("; 1 further page not read")
    assert text(dataclasses.replace(BLANK, unread_pages=2)).endswith("; 2 further pages not read")


def test_the_frame_is_shown_as_the_model_saw_it() -> None:
    [image] = parsed(WITH_FRAME).iter("img")
    content = base64.b64decode(image.attrib["src"].removeprefix("data:image/png;base64,"))
    assert image.get("alt")
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "PNG"
        assert np.array_equal(np.asarray(picture), FRAME)
    assert not list(parsed(SEVEN).iter("img"))


def test_a_number_is_shown_with_each_of_its_digits() -> None:
    assert text(NUMBER) == "77 99.9% sure model 12 7 99.9% sure 7 62.0% sure maybe a 1"


def test_a_place_that_is_not_a_digit_has_no_percentage_nor_has_its_number() -> None:
    assert (
        text(PART_OF_A_NUMBER) == "7? 1 of 2 places not a digit model 12 7 99.9% sure ? not a digit"
    )


def test_an_image_without_a_number_is_shown_as_its_prediction() -> None:
    assert Number("", 0.0, (BLANK,), None)._repr_html_() == BLANK._repr_html_()


def test_a_file_is_shown_with_its_path_and_its_result_or_error() -> None:
    assert text(FileResult("a/<7>.png", BLANK)) == "a/<7>.png blank model 12"
    failed = FileResult("b\udce9.png", InvalidImageError("is not an <image>"))
    assert text(failed) == r"b\udce9.png is not an <image>"
    assert isinstance(failed.result, InvalidImageError)
    failed.result.reason = "is truncated"
    assert text(failed) == r"b\udce9.png is truncated"


def test_what_a_server_names_is_escaped() -> None:
    strange = dataclasses.replace(SEVEN, model_version="<script>alert(1)</script>")
    assert "<script" not in strange._repr_html_()
    assert "model <script>alert(1)</script>" in text(strange)
