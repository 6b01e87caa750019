"""The page without a mouse."""

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from scripts.browser import Browser
from scripts.pen_strokes import NUMBER, THREE


def press(page: Browser, *keys: str, modifier: str = "") -> None:
    """Press keys one after the other, all with a modifier if there is one."""
    actions = ActionChains(page.driver)
    if modifier:
        actions.key_down(modifier)
    actions.send_keys(*keys)
    if modifier:
        actions.key_up(modifier)
    actions.perform()


def focused(page: Browser) -> str:
    """Return the name of what has the focus: its id, or else its text."""
    return str(
        page.script("const e = document.activeElement; return e.id || e.ariaLabel || e.textContent")
    )


def test_a_digit_is_drawn_and_read_with_keys_alone(page: Browser) -> None:
    while focused(page) != "canvas":
        press(page, Keys.TAB)
    press(page, Keys.ARROW_UP, " ", *[Keys.ARROW_DOWN] * 24, " ")
    page.wait_until_read("1")
    press(page, Keys.DELETE)
    page.wait_until_read("")


def test_everything_can_be_reached_in_the_order_of_the_page(page: Browser) -> None:
    page.draw(NUMBER)
    page.wait_until_read("2026")
    page.find("#clear-button").click()
    page.find("#undo-button").click()
    page.wait_until_read("2026")
    page.driver.switch_to.active_element.send_keys(Keys.NULL)
    page.script("document.activeElement.blur(); getSelection().removeAllRanges()")
    page.script(
        "const { body } = document;"
        "body.tabIndex = -1; body.focus(); body.removeAttribute('tabindex')"
    )
    names = []
    for _ in range(40):
        press(page, Keys.TAB)
        name = focused(page)
        if name in names:
            break
        names.append(name)
        # What has the focus is in view and has an outline that shows it.
        assert page.script(
            "const e = document.activeElement, box = e.getBoundingClientRect();"
            "return box.bottom > 0 && box.top < innerHeight"
            " && parseFloat(getComputedStyle(e).outlineWidth) >= 2"
        ), name
    expected = ["help-button", "canvas", "undo-button", "clear-button", "open-button", "layout"]
    assert [name for name in names if name in expected] == expected
    assert sum(name.startswith("Digit ") for name in names) == 4
    assert sum("sure" in name and "Bring back" in name for name in names) == 1


def test_shortcuts_undo_and_redo(page: Browser) -> None:
    page.draw([THREE])
    page.wait_until_read("3")
    press(page, "z", modifier=Keys.CONTROL)
    page.wait_until_read("")
    press(page, "y", modifier=Keys.CONTROL)
    page.wait_until_read("3")


def test_single_letters_and_digits_do_nothing(page: Browser) -> None:
    page.draw([THREE])
    page.wait_until_read("3")
    drawn = page.script("return document.body.dataset.drawn")
    page.find("#canvas").send_keys("abcdefghijklmnopqrstuvwxyz0123456789")
    page.wait_until_read("3")
    assert page.script("return document.body.dataset.drawn") == drawn


def test_the_digit_that_has_the_focus_shows_its_probabilities(page: Browser) -> None:
    page.draw(NUMBER)
    page.wait_until_read("2026")
    page.script("document.querySelector('#headline button:nth-child(2)').focus()")
    page.wait_until_text("#place", "Digit 2 of 4: 0")
    press(page, Keys.TAB)
    page.wait_until_text("#place", "Digit 3 of 4: 2")


def test_help_opens_and_closes_with_keys(page: Browser) -> None:
    page.script("document.querySelector('#help-button').focus()")
    press(page, Keys.ENTER)
    assert page.script("return document.querySelector('#help-dialog').open")
    assert "Ctrl+Z" in page.text("#help-dialog")
    press(page, Keys.ESCAPE)
    assert not page.script("return document.querySelector('#help-dialog').open")
    assert focused(page) == "help-button"
