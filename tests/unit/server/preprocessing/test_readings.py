import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import normalize
from digits_server.preprocessing.readings import READINGS
from digits_server.preprocessing.reason import Reason
from digits_server.preprocessing.search import find_all_readings, find_readings
from digits_server.preprocessing.stroke_width import MAX_STROKE_PIXELS, MIN_STROKE_PIXELS

Gray = NDArray[np.uint8]
SIDE = 240


def seven(pen: int = 12, *, side: int = SIDE, scale: float = 1.0) -> Gray:
    """Draw a dark 7 in the middle of a white square."""
    points = np.array([[-50, -70], [50, -70], [-10, 70]]) * scale + side / 2
    canvas = np.full((side, side), 255, np.uint8)
    cv2.polylines(canvas, [points.astype(np.int32)], False, 0, pen, cv2.LINE_AA)
    return np.asarray(canvas, np.uint8)


def to_gray(image: NDArray[np.floating]) -> Gray:
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def kinds(gray: Gray) -> list[str]:
    """Return the names of an image's readings."""
    return [READINGS[reading.kind] for reading in find_readings(gray).readings]


def assert_some_reading_is_similar(gray: Gray, share: float) -> None:
    """Assert that a reading shows a 7, whatever the others show."""
    readings = find_readings(gray).readings
    differences = [np.abs(reading.frame - PLAIN).sum() for reading in readings]
    assert min(differences) <= share * PLAIN.sum()


def assert_similar(frame: NDArray[np.float32], other: NDArray[np.float32], share: float) -> None:
    """Assert that two frames differ by at most a share of their ink."""
    assert np.abs(frame - other).sum() <= share * other.sum()


PLAIN = normalize(seven())


def test_uneven_light_hardly_changes_the_frame() -> None:
    slope = np.linspace(0.45, 1, SIDE) * np.linspace(0.8, 1, SIDE)[:, None]
    assert_similar(normalize(to_gray(seven() * 0.8 * slope + 20)), PLAIN, 0.2)


def test_a_shadow_over_half_the_paper_hardly_changes_the_frame() -> None:
    shadow = np.where(np.arange(SIDE) < SIDE // 2, 0.6, 1.0)
    soft = cv2.GaussianBlur(np.tile(shadow, (SIDE, 1)).astype(np.float32), (0, 0), 12)
    assert_similar(normalize(to_gray(seven() * soft)), PLAIN, 0.3)


@pytest.mark.parametrize("deviation", [4, 12])
def test_grain_hardly_changes_the_frame(deviation: int) -> None:
    grain = np.random.default_rng(1).normal(0, deviation, (SIDE, SIDE))
    assert_similar(normalize(to_gray(seven() * 0.6 + 60 + grain)), PLAIN, 0.2)


def test_faint_ruling_is_ignored() -> None:
    page = seven()
    page[::24] = np.minimum(page[::24], 200)
    page[:, ::24] = np.minimum(page[:, ::24], 200)
    assert_similar(normalize(page), PLAIN, 0.1)


def test_ruling_as_dark_as_the_ink_is_removed() -> None:
    page = seven()
    page[10::55] = 0
    page[11::55] = 0
    assert_similar(normalize(page), PLAIN, 0.25)


def test_two_ruled_lines_across_the_ink_are_removed() -> None:
    page = seven()
    page[100:102] = page[150:152] = 0  # digit and lines are one component
    assert_similar(normalize(page), PLAIN, 0.15)


def test_lines_that_are_darker_than_the_ink_are_removed() -> None:
    page = to_gray(195 + seven() * 0.2)
    page[100:102] = page[150:152] = 0
    assert_similar(normalize(page), PLAIN, 0.15)


def test_a_speck_on_plain_paper_is_looked_at_in_one_way() -> None:
    page = np.full((SIDE, SIDE), 255, np.uint8)
    page[90:94, 120:124] = 0
    assert kinds(page) == ["ink on even ground"]


def test_the_upright_lines_of_a_row_of_cells_are_no_ones() -> None:
    row = np.full((SIDE, SIDE), 255, np.uint8)
    row[60:63] = row[180:183] = 0
    row[60:180, 40:43] = row[60:180, 200:203] = 0
    assert kinds(row) == ["all that is light"]  # which is the page
    with_one = row.copy()
    cv2.line(with_one, (120, 75), (120, 165), 0, 8)
    assert kinds(with_one) == ["ink on even ground"]


def test_specks_and_a_line_at_the_edge_are_ignored() -> None:
    page = seven()
    page[20:24, 30:34] = 0
    page[200:203, 210:213] = 0
    page[-4:, :] = 0
    assert_similar(normalize(page), PLAIN, 0.05)


def test_a_border_around_the_digit_is_ignored() -> None:
    page = seven()
    cv2.rectangle(page, (3, 3), (SIDE - 4, SIDE - 4), 0, 3)
    assert_similar(normalize(page), PLAIN, 0.05)


def test_a_digit_of_two_separate_strokes_keeps_both() -> None:
    page = np.full((SIDE, SIDE), 255, np.uint8)
    cv2.line(page, (90, 60), (70, 140), 0, 10)
    cv2.line(page, (70, 140), (140, 140), 0, 10)
    cv2.line(page, (158, 90), (158, 200), 0, 10)  # the stem of a 4, separate from the rest
    frame = normalize(page)
    columns = np.flatnonzero(frame.max(axis=0) > 0.3)
    assert columns[-1] - columns[0] >= 12


@pytest.mark.parametrize("pen", [1, 2, 4, 30, 44])
def test_thin_and_thick_strokes_are_adjusted_to_the_usual_width(pen: int) -> None:
    frame = normalize(seven(pen))
    inked = (frame > 0.5).astype(np.uint8)
    outlines, _ = cv2.findContours(inked, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    width = 2 * inked.sum() / sum(cv2.arcLength(outline, True) for outline in outlines)
    assert MIN_STROKE_PIXELS * 0.6 <= width <= MAX_STROKE_PIXELS * 1.2


@pytest.mark.parametrize("side", [60, 240, 900])
def test_paper_without_ink_is_blank(side: int) -> None:
    rng = np.random.default_rng(side)
    slope = np.linspace(-1, 1, side)
    for level in (40, 128, 215):
        for page in (
            np.full((side, side), level, np.float64),
            level + rng.normal(0, 2, (side, side)),
            level + 30 * slope + 20 * slope[:, None] + rng.normal(0, 1, (side, side)),
        ):
            assert find_readings(to_gray(page)) == ([], [], Reason.UNSPECIFIED)


def test_a_large_canvas_gives_the_frame_of_a_small_one() -> None:
    assert_similar(normalize(seven(48, side=960, scale=4)), PLAIN, 0.15)


@pytest.mark.parametrize("side", [40, 120, 300])
def test_searching_only_pixels_unlike_the_ground_gives_the_result_of_searching_all(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(side)
    images = []
    for _ in range(40):
        image = np.full((side, side + side // 3), 255, np.uint8)
        x, y, radius = rng.integers(0, side, 3)
        cv2.circle(image, (int(x), int(y)), 3 + int(radius) // 4, 0, 1 + side // 30, cv2.LINE_AA)
        image[rng.random(image.shape) < rng.choice([0, 0.002])] = 90  # specks
        if rng.random() < 0.3:
            image[:: max(2, side // 4)] = 100  # ruled
        images.append(image if rng.random() < 0.5 else 255 - image)
    cropped = [find_readings(image).readings for image in images]
    monkeypatch.setattr(
        "digits_server.preprocessing.ground._box_with_margin",
        lambda difference: (0, 0, difference.shape[1], difference.shape[0]),
    )
    for image, expected in zip(images, cropped, strict=True):
        found = find_readings(image).readings
        assert [reading.kind for reading in found] == [reading.kind for reading in expected]
        for reading, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(reading.frame, other.frame)


def bordered(width: int, level: int) -> Gray:
    return np.pad(seven(), width, constant_values=level)


def gray_on_gray_in_a_frame(level: int, thickness: int = 12) -> Gray:
    """Draw ink on paper that differ less than the paper and a frame along its edge."""
    page = to_gray(150 + seven() * 0.2)
    inset = thickness // 2 + 2
    cv2.rectangle(page, (inset, inset), (SIDE - 1 - inset, SIDE - 1 - inset), level, thickness)
    return page


def between_bars() -> Gray:
    """Draw ink on gray paper, with light bars near three of its edges."""
    page = to_gray(60 + seven() * 0.4)
    page[5:-5, 5:17] = page[5:-5, -17:-5] = page[5:17, 5:-5] = 255
    return page


def with_lines_darker_than_the_ink() -> Gray:
    """Draw ink on paper with lines along three of its edges."""
    page = to_gray(110 + seven() * 0.37)
    page[:2], page[-2:], page[:, -3:] = 43, 55, 0
    return page


def in_a_cell() -> Gray:
    page = seven()
    cv2.rectangle(page, (50, 30), (190, 225), 0, 2)
    return page


def touching_a_cell() -> Gray:
    page = seven()
    cv2.rectangle(page, (64, 40), (172, 195), 0, 2)
    return page


def on_a_desk() -> Gray:
    desk = np.full((400, 500), 60, np.uint8)
    corners = np.array([[90, 60], [370, 90], [340, 360], [70, 330]], np.float32)
    sheet = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]], np.float32)
    size = desk.shape[::-1]
    warp = cv2.getPerspectiveTransform(sheet, corners)
    is_sheet = cv2.warpPerspective(np.full((SIDE, SIDE), 255, np.uint8), warp, size)
    return np.where(is_sheet > 0, cv2.warpPerspective(seven(), warp, size), desk)


def in_half_a_shadow() -> Gray:
    page = seven().astype(np.float64)
    page[:, SIDE // 2 :] *= 0.5
    return to_gray(page)


@pytest.mark.parametrize(
    ("page", "share"),
    [
        (bordered(4, 0), 0.1),
        (bordered(12, 200), 0.15),
        (cv2.copyMakeBorder(seven(), 70, 90, 0, 0, cv2.BORDER_CONSTANT, value=0), 0.15),
        (cv2.copyMakeBorder(seven(), 0, 0, 60, 60, cv2.BORDER_CONSTANT, value=128), 0.15),
        (255 - bordered(5, 0), 0.1),
        (gray_on_gray_in_a_frame(255), 0.15),
        (gray_on_gray_in_a_frame(0), 0.15),
        (gray_on_gray_in_a_frame(0, thickness=1), 0.15),
        (between_bars(), 0.15),
        (with_lines_darker_than_the_ink(), 0.15),
        (in_a_cell(), 0.05),
        (touching_a_cell(), 0.45),
        (on_a_desk(), 0.7),
        (255 - on_a_desk(), 0.7),
        (in_half_a_shadow(), 0.15),
        (to_gray(240 - (255 - seven()) / 25.0), 0.1),
    ],
    ids=[
        "border",
        "gray border",
        "letterbox",
        "pillarbox",
        "light border on dark",
        "light frame around dark ink",
        "dark frame around faint ink",
        "thin dark frame around faint ink",
        "light bars around dark ink",
        "lines darker than the ink",
        "cell",
        "touching a cell",
        "sheet on a desk",
        "board on a wall",
        "half in shadow",
        "ten levels of contrast",
    ],
)
def test_a_reading_shows_the_digit_whatever_is_around_it(page: Gray, share: float) -> None:
    assert_some_reading_is_similar(page, share)


def test_a_digit_that_is_cut_tight_is_all_that_is_dark() -> None:
    ordinary = normalize(seven(36))
    readings = find_readings(seven(36)[32:208, 52:188]).readings
    differences = [np.abs(reading.frame - ordinary).sum() for reading in readings]
    best = readings[int(np.argmin(differences))]
    assert READINGS[best.kind] == "all that is dark"
    assert min(differences) <= 0.2 * ordinary.sum()


def test_a_plain_image_has_one_reading() -> None:
    for page in (seven(), 255 - seven(), seven(3), seven(side=60, scale=0.25)):
        assert kinds(page) == ["ink on even ground"]


def test_a_line_below_the_digit_is_not_a_part_of_it() -> None:
    apart, touching = seven(), seven()
    cv2.line(apart, (60, 210), (190, 212), 0, 6)
    cv2.line(touching, (30, 196), (210, 196), 0, 6)
    for page in (apart, touching):
        assert_some_reading_is_similar(page, 0.1)


def test_the_image_as_it_came_shows_a_small_digit_that_is_lost_in_the_copy_that_is_searched() -> (
    None
):
    page = np.full((1200, 1600), 214, np.uint8)
    small = cv2.resize(seven(), (60, 60), interpolation=cv2.INTER_AREA)
    page[700:760, 900:960] = small.astype(np.float64) / 255 * 214
    assert_some_reading_is_similar(page, 0.25)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (to_gray(255 - (255 - seven()) / 100), Reason.TOO_FAINT),
        (cv2.circle(np.full((800, 800), 255, np.uint8), (400, 400), 2, 0, -1), Reason.TOO_SMALL),
        (np.full((400, 400), 255, np.uint8), Reason.UNSPECIFIED),
    ],
)
def test_ink_without_a_reading_has_a_reason(page: Gray, reason: Reason) -> None:
    assert find_readings(page) == ([], [], reason)


def test_readings_of_many_images_are_those_of_each_in_their_order() -> None:
    frame = np.asarray(np.rint(PLAIN * 255), np.uint8)
    blank = np.zeros((28, 28), np.uint8)
    for grays in ([frame, blank, np.roll(frame, 3), frame], [seven(), blank, on_a_desk(), frame]):
        together = find_all_readings(grays)
        row = 0
        for index, gray in enumerate(grays):
            readings, _, failure = find_readings(gray)
            assert together.failures[index] == failure
            for reading in readings:
                assert together.owners[row] == index
                assert together.kinds[row] == reading.kind
                np.testing.assert_array_equal(together.frames[row], reading.frame)
                row += 1
        assert row == len(together.frames)


def test_a_page_in_the_middle_of_an_even_ground_is_read() -> None:
    page = 255 - seven(side=160)  # white on black
    image = np.full((400, 400), 150, np.uint8)
    image[120:280, 130:290] = page
    assert_some_reading_is_similar(image, 0.2)


def test_a_stroke_that_is_a_filled_rectangle_is_no_page() -> None:
    image = np.full((200, 200), 255, np.uint8)
    image[30:170, 80:120] = 0
    assert kinds(image) == ["ink on even ground"]
