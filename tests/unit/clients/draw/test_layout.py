"""The places of the window's parts at every size."""

import itertools

import pytest

from digits_client.draw.layout import (
    BAR_COUNT,
    MIN_SIZE,
    Rect,
    arrange,
    arrange_panel,
    first_size,
)

SCALES = (1.0, 1.25, 1.5, 2.0)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("has_history", [False, True])
def test_the_parts_do_not_overlap_and_are_within_the_window(
    scale: float, has_history: bool
) -> None:
    def pixels(length: float) -> int:
        return round(length * scale)

    for width, height in itertools.product((MIN_SIZE[0], 800, 3000), (MIN_SIZE[1], 700, 2000)):
        size = pixels(width), pixels(height)
        layout = arrange(
            size,
            pixels,
            toolbar_height=pixels(70),
            status_height=pixels(30),
            has_history=has_history,
        )
        parts = [part for part in layout if part is not None]
        assert len(parts) == 4 + has_history
        for part in parts:
            assert part.x >= 0
            assert part.y >= 0
            assert part.x + part.width <= size[0]
            assert part.y + part.height <= size[1]
        for one, other in itertools.combinations(parts, 2):
            assert not overlap(one, other)
        assert layout.sheet.height >= pixels(150)


def overlap(one: Rect, other: Rect) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


@pytest.mark.parametrize("height", [204, 220, 290, 420, 700, 1300])
def test_the_panel_has_space_for_everything(height: int) -> None:
    layout = arrange_panel((208, height), round, small_line=13, caption_line=19)
    assert layout.headline.height >= 18
    assert layout.caption_y >= layout.headline.height
    assert layout.bars_y >= layout.place_y + 13
    assert layout.bars_y + BAR_COUNT * layout.row_height <= height + 2
    assert layout.frame.y + layout.frame.height <= height
    assert layout.frame.width == layout.frame.height >= 18


@pytest.mark.parametrize(
    ("screen", "scale"), [((1366, 768), 1.25), ((1600, 1200), 2.0), ((1920, 1080), 1.0)]
)
def test_a_new_window_fits_its_screen(screen: tuple[int, int], scale: float) -> None:
    width, height = first_size(screen, lambda length: round(length * scale))
    assert MIN_SIZE[0] * scale <= width <= screen[0]
    assert MIN_SIZE[1] * scale <= height <= screen[1] * 0.9
