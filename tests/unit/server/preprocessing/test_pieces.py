import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.components import CORE, FRAME, MAIN
from digits_server.preprocessing.ground import Contrast, even_contrast
from digits_server.preprocessing.ink import find_ink
from digits_server.preprocessing.pieces import (
    INSIDE,
    UNLINED,
    Piece,
    find_pieces,
    why_unread,
)
from digits_server.preprocessing.reason import Reason

Gray = NDArray[np.uint8]
SIDE = 200


def page() -> Gray:
    return np.full((SIDE, SIDE), 255, np.uint8)


def seven(on: Gray | None = None, *, x: int = 70, y: int = 60, ink: int = 0) -> Gray:
    """Draw a 7 of 60x80 pixels whose top left corner is at x and y."""
    canvas = page() if on is None else on
    points = np.array([[x, y], [x + 60, y], [x + 20, y + 80]], np.int32)
    cv2.polylines(canvas, [points], False, ink, 8)
    return canvas


def contrast_of(gray: Gray) -> Contrast:
    contrast = even_contrast(gray)
    assert contrast is not None
    return contrast


def pieces_in(contrast: Contrast) -> list[Piece]:
    ink = find_ink(contrast)
    return find_pieces(ink) if ink else []


def pieces_of(gray: Gray) -> list[Piece]:
    return pieces_in(contrast_of(gray))


def box(piece: Piece) -> tuple[int, int, int, int]:
    height, width = piece.ink.shape
    return piece.left, piece.top, piece.left + width, piece.top + height


def assert_around(piece: Piece, left: int, top: int, right: int, bottom: int) -> None:
    """Assert that a piece is within 8 pixels of a box, so much being the pen and its edge."""
    np.testing.assert_allclose(box(piece), (left, top, right, bottom), atol=8)


def test_ink_alone_is_the_main_piece_and_full_ink_is_one() -> None:
    for ink in (0, 180, 245):
        [piece] = pieces_of(seven(ink=ink))
        assert piece.part == MAIN
        assert_around(piece, 70, 60, 130, 140)
        assert piece.extent == max(piece.ink.shape)
        assert piece.ink.dtype == np.float32
        assert piece.ink.min() == 0
        assert piece.ink.max() == 1


def test_strokes_that_are_near_each_other_are_one_piece() -> None:
    gray = page()
    cv2.line(gray, (70, 50), (60, 110), 0, 8)
    cv2.line(gray, (60, 110), (110, 110), 0, 8)
    cv2.line(gray, (125, 70), (125, 150), 0, 8)  # the stem of a 4
    [piece] = pieces_of(gray)
    assert_around(piece, 60, 50, 125, 150)


def test_ink_that_is_far_from_the_main_piece_is_left_out() -> None:
    gray = seven(x=20, y=20)
    cv2.line(gray, (150, 150), (150, 180), 0, 8)
    [main] = pieces_of(gray)
    assert main.part == MAIN
    assert_around(main, 20, 20, 80, 100)


@pytest.mark.parametrize("doubtful", ["a line below it", "a faint frame in pieces"])
def test_without_what_is_doubtful_the_main_piece_is_its_core(doubtful: str) -> None:
    gray = seven()
    if doubtful == "a line below it":
        cv2.line(gray, (60, 155), (140, 155), 0, 5)
    else:
        cv2.line(gray, (50, 45), (50, 155), 130, 4)
        cv2.line(gray, (150, 45), (150, 155), 130, 4)
    pieces = {piece.part: piece for piece in pieces_of(gray)}
    main, core = pieces[MAIN], pieces[CORE]
    assert main.ink.size > 1.2 * core.ink.size
    assert_around(core, 70, 60, 130, 140)


def test_a_piece_that_is_fainter_than_other_ink_still_has_full_ink() -> None:
    gray = seven(x=20, y=20, ink=128)
    gray[180:190, 180:190] = 0
    main = pieces_of(gray)[0]
    assert_around(main, 20, 20, 80, 100)
    assert main.ink.max() == 1


def test_of_many_specks_only_those_far_larger_than_most_are_pieces() -> None:
    gray = page()
    for x in range(10, SIDE, 30):
        for y in range(10, SIDE, 30):
            gray[y : y + 4, x : x + 4] = 0
    assert pieces_of(gray) == []
    [piece] = pieces_of(seven(gray, x=72, y=62))
    assert piece.part == MAIN
    assert_around(piece, 72, 62, 132, 142)


def test_a_line_or_a_border_at_the_edge_is_left_out() -> None:
    line, border = seven(), np.zeros((SIDE, SIDE), np.uint8)
    line[-6:-2] = 0
    [main] = pieces_of(line)
    assert main.part == MAIN
    assert_around(main, 70, 60, 130, 140)
    border[:8] = border[-8:] = border[:, :8] = border[:, -8:] = 255
    border[60:140, 95:105] = 255
    [main] = pieces_in(uncropped(border))
    assert_around(main, 95, 60, 105, 140)


def uncropped(pixels: Gray, *, is_even: bool = True) -> Contrast:
    """Return a contrast whose ink may touch the edge of the image."""
    return Contrast(pixels, 0.0, 0, 0, pixels.shape, True, is_even)


def test_a_frame_around_the_ink_is_a_piece_of_its_own() -> None:
    gray = seven()
    cv2.rectangle(gray, (40, 30), (170, 170), 0, 3)
    main, frame = pieces_of(gray)
    assert (main.part, frame.part) == (MAIN, FRAME)
    assert_around(main, 70, 60, 130, 140)


@pytest.mark.parametrize("end", [(98, 0), (98, 199), (60, 0)], ids=["upright", "tilted", "slanted"])
def test_a_line_at_the_edge_is_a_piece_only_on_an_even_ground_without_other_ink(
    end: tuple[int, int],
) -> None:
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    cv2.line(pixels, (100, 199 if end[1] == 0 else 0), end, 255, 8)
    [piece] = pieces_in(uncropped(pixels))
    assert piece.extent == SIDE
    assert pieces_in(uncropped(pixels, is_even=False)) == []
    pixels[80:90, 20:30] = 255
    assert piece.extent not in [piece.extent for piece in pieces_in(uncropped(pixels))]


@pytest.mark.parametrize(
    ("around", "part"),
    [("frame", INSIDE), ("line", UNLINED)],
)
def test_ink_that_touches_a_frame_or_a_line_is_also_a_piece_without_it(
    around: str, part: int
) -> None:
    gray = seven()
    if around == "frame":
        cv2.rectangle(gray, (66, 56), (140, 160), 0, 3)
    else:
        cv2.line(gray, (40, 141), (160, 141), 0, 5)
    whole, rest = pieces_of(gray)
    assert (whole.part, rest.part) == (MAIN, part)
    assert_around(rest, 70, 60, 130, 140)
    assert rest.ink.size < whole.ink.size


def test_ink_that_is_too_small_or_too_faint_is_no_piece_and_the_reason_says_which() -> None:
    small = page()
    small[100, 100] = 0
    for gray, scale, reason in (
        (small, 5.0, Reason.TOO_SMALL),
        (small, 4.0, Reason.UNSPECIFIED),  # four pixels of the image as it came are dust
        (seven(ink=253), 1.0, Reason.TOO_FAINT),
        (page(), 1.0, Reason.UNSPECIFIED),
    ):
        assert pieces_of(gray) == []
        assert why_unread(contrast_of(gray), scale) == reason


def test_grain_is_neither_a_piece_nor_faint_ink() -> None:
    for deviation in (0.5, 1, 3):
        grain = np.random.default_rng(2).normal(200, deviation, (SIDE, SIDE))
        contrast = contrast_of(np.rint(grain).astype(np.uint8))
        assert pieces_in(contrast) == []
        assert why_unread(contrast) == Reason.UNSPECIFIED
