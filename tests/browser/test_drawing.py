"""What a person draws is read while it is drawn."""

import math

import pytest
from selenium.webdriver.common.action_chains import ActionChains

from digits_client.draw.strokes import Point
from scripts.browser import Browser, Pointer
from scripts.pen_strokes import NUMBER, STAR, THREE

ONE: list[Point] = [(200, 80), (200, 140), (200, 200), (200, 260), (200, 320)]

# Counts the drawings that were sent and have no response yet.
COUNT_IN_FLIGHT = """
window.inFlight = window.mostInFlight = 0;
const { send } = WebSocket.prototype;
WebSocket.prototype.send = function (data) {
  mostInFlight = Math.max(mostInFlight, ++inFlight);
  if (!this.isWatched) {
    const { onmessage } = this;
    this.onmessage = (event) => { inFlight--; onmessage(event) };
    this.isWatched = true;
  }
  send.call(this, data);
};
"""


def ink_width(page: Browser, y: float) -> int:
    """Return how many pixels of ink the row of the sheet at a height has."""
    count = page.script(
        "const { context, canvas } = { context: document.querySelector('#canvas').getContext('2d'),"
        " canvas: document.querySelector('#canvas') };"
        "const row = context.getImageData(0, Math.round(arguments[0] / 400 * canvas.height),"
        " canvas.width, 1).data;"
        "let count = 0; for (let at = 0; at < row.length; at += 4) count += row[at] < 128;"
        "return count",
        y,
    )
    return int(count)


def shares(page: Browser) -> list[str]:
    """Return the shown probabilities of the ten digits and of "not a digit"."""
    return [
        str(share)
        for share in page.script(
            "const shares = [...document.querySelectorAll('#bars .share')];"
            "return shares.map((share) => share.textContent)"
        )
    ]


@pytest.mark.parametrize("pointer", ["mouse", "touch", "pen"])
def test_a_three_is_read(page: Browser, pointer: Pointer) -> None:
    page.resize(1280, 800, is_phone=pointer == "touch")
    page.draw([THREE], pointer)
    page.wait_until_read("3")
    assert "sure" in page.text("#caption")


@pytest.mark.parametrize("pointer", ["mouse", "touch"])
def test_a_number_is_read_with_a_box_for_each_digit(page: Browser, pointer: Pointer) -> None:
    page.resize(1280, 800, is_phone=pointer == "touch")
    page.draw(NUMBER, pointer)
    page.wait_until_read("2026")
    assert page.script("return document.querySelectorAll('#boxes div').length") == 4


def test_the_result_follows_the_pen_before_it_is_lifted(page: Browser) -> None:
    *moves, lift = page.pen_events(THREE)
    for event in moves:
        page.send_pen_event(*event)
    page.wait_until_read("3")
    page.send_pen_event(*lift)


def test_one_drawing_is_in_flight_and_the_newest_one_wins(page: Browser) -> None:
    page.script(COUNT_IN_FLIGHT)
    page.draw(NUMBER)
    page.wait_until_read("2026")
    assert page.script("return [mostInFlight, inFlight]") == [1, 0]


def test_a_pen_that_is_pressed_harder_draws_wider(page: Browser) -> None:
    page.draw([ONE], "pen")
    page.wait_until_recognized()
    assert ink_width(page, 100) < ink_width(page, 200) < ink_width(page, 300)


def test_a_sharp_corner_stays_sharp_as_in_the_window(page: Browser) -> None:
    points = [[100, 100, None], [200, 100, None], [110, 120, None]]
    right = page.driver.execute_async_script(
        "const [points, done] = arguments;"
        "import('/static/curve.js').then(({ boundsOf }) =>"
        " done(boundsOf([{ points, width: 10 }]).right))",
        points,
    )
    assert right == 205  # the corner and half of the pen, without a bulge


def test_a_curve_goes_through_the_points_and_is_smooth_between_them(page: Browser) -> None:
    page.draw([[(100, 250), (200, 180), (300, 250)]])
    page.wait_until_recognized()
    # Straight lines, 16 wide, would be this far apart at this height, near the tip.
    straight_span = 2 * (190 - 180) * 100 / 70 + 16 / math.sin(math.atan2(70, 100))
    left, right = page.script(
        "const canvas = document.querySelector('#canvas'), scale = canvas.height / 400;"
        "const row = canvas.getContext('2d').getImageData(0, 190 * scale, canvas.width, 1).data;"
        "const ink = [...Array(canvas.width).keys()].filter((x) => row[4 * x] < 128);"
        "return [ink[0] / scale, ink.at(-1) / scale]"
    )
    assert right - left > straight_span + 8


def test_the_digit_that_is_pointed_at_shows_its_probabilities_and_its_frame(page: Browser) -> None:
    page.draw(NUMBER)
    page.wait_until_read("2026")
    for place, digit in enumerate("2026", 1):
        ActionChains(page.driver).move_to_element(
            page.find(f"#headline button:nth-child({place})")
        ).perform()
        page.wait_until_text("#place", f"Digit {place} of 4: {digit}")
        page.wait_until("document.querySelectorAll('#boxes .shown').length === 1")
        assert page.find("#frame").get_attribute("aria-label") == (
            f"What the model sees of {digit}, 28 by 28 pixels"
        )
        assert shares(page).index("99.9%") == int(digit)


def test_pointing_at_a_box_shows_its_digit(page: Browser) -> None:
    page.draw(NUMBER)
    page.wait_until_read("2026")
    canvas = page.find("#canvas")
    box = page.find("#boxes div:nth-child(2)").rect
    ActionChains(page.driver).move_to_element_with_offset(
        canvas,
        round(box["x"] + box["width"] / 2 - canvas.rect["x"] - canvas.rect["width"] / 2),
        round(box["y"] + box["height"] / 2 - canvas.rect["y"] - canvas.rect["height"] / 2),
    ).perform()
    page.wait_until_text("#place", "Digit 2 of 4: 0")


def test_ink_that_is_not_a_digit_is_named_in_words_and_has_the_largest_bar(page: Browser) -> None:
    page.draw([STAR])
    page.wait_until_read("?")
    assert page.text("#caption") == "not a digit"
    assert page.text("#bars .largest span") == "not a digit"


def test_nothing_is_shown_as_certain(page: Browser) -> None:
    page.draw([THREE])
    page.wait_until_read("3")
    assert shares(page)[3] == "99.9%"
    assert "100" not in page.text("main")


def test_an_empty_sheet_invites_to_draw(page: Browser) -> None:
    assert page.find("#invitation").is_displayed()
    assert page.text("#headline") == page.text("#caption") == ""
    page.draw([THREE])
    assert not page.find("#invitation").is_displayed()


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 844), (640, 400), (1280, 800)])
def test_nothing_moves_when_a_result_comes(page: Browser, width: int, height: int) -> None:
    places = (
        "return ['#sheet', '#bars', '#gallery'].map((selector) =>"
        " document.querySelector(selector).getBoundingClientRect().top + scrollY)"
    )
    page.resize(width, height)
    page.wait_until("document.querySelector('#gallery img').complete")
    before = page.script(places)
    page.draw(NUMBER)
    page.wait_until_recognized()
    assert page.text("#caption")
    assert page.script(places) == before


def test_each_step_can_be_undone_and_redone(page: Browser) -> None:
    page.draw([THREE])
    page.wait_until_read("3")
    page.find("#undo-button").click()
    page.wait_until_read("")
    assert not page.find("#undo-button").is_enabled()
    page.find("#redo-button").click()
    page.wait_until_read("3")
    page.find("#clear-button").click()
    page.wait_until_read("")
    page.find("#undo-button").click()
    page.wait_until_read("3")


def test_the_eraser_removes_ink(page: Browser) -> None:
    page.draw([THREE])
    page.wait_until_read("3")
    before = ink_width(page, 190)
    page.find("#eraser-button").click()
    page.draw([[(150, 190), (260, 190)]])
    page.wait_until_recognized()
    assert ink_width(page, 190) < before
    assert page.find("#eraser-button").get_attribute("aria-pressed") == "true"


def test_several_digits_are_named_when_one_is_wanted(page: Browser) -> None:
    page.script(
        "const layout = document.querySelector('#layout');"
        "layout.value = 'digit'; layout.dispatchEvent(new Event('change'))"
    )
    page.draw(NUMBER)
    page.wait_until_read("?")
    assert page.text("#caption").startswith("several digits")


def test_a_page_has_a_line_of_the_result_for_each_line(page: Browser) -> None:
    page.script(
        "const layout = document.querySelector('#layout');"
        "layout.value = 'page'; layout.dispatchEvent(new Event('change'))"
    )
    for top in (-110, 90):
        page.draw([[(x, y + top) for x, y in digit] for digit in NUMBER])
    page.wait_until_recognized()
    page.wait_until("document.querySelectorAll('#headline .line').length === 2")
    assert [page.text(f"#headline .line:nth-child({row})") for row in (1, 2)] == ["2026", "2026"]
    assert page.text("#caption").startswith("2 lines")


def test_the_drawing_stays_when_the_sheet_changes_its_size(page: Browser) -> None:
    page.draw(NUMBER)
    page.wait_until_read("2026")
    page.resize(390, 844)
    page.wait_until(
        "(() => { const sheet = document.querySelector('#sheet').getBoundingClientRect();"
        "return [...document.querySelectorAll('#boxes div')].every((box) => {"
        "const place = box.getBoundingClientRect();"
        "return place.left >= sheet.left - 5 && place.right <= sheet.right + 5 }) })()"
    )
    page.draw([[(20, 380), (22, 381)]])
    page.wait_until_recognized()
