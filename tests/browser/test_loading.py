"""What the page loads: little, from its own server only, within a strict policy."""

import json

from scripts.browser import Browser

MAX_LOADED_BYTES = 100_000


def test_the_first_load_is_small_and_from_the_page_s_own_server(
    page: Browser,
) -> None:
    page.command("Network.clearBrowserCache")
    page.driver.refresh()
    page.wait_until_connected()
    entries = json.loads(page.script("return JSON.stringify(performance.getEntries())"))
    loaded = [entry for entry in entries if entry["entryType"] in ("navigation", "resource")]
    origin = page.script("return location.origin")
    assert all(entry["name"].startswith(origin) for entry in loaded)
    assert len(loaded) > 10
    assert sum(entry["transferSize"] for entry in loaded) <= MAX_LOADED_BYTES


def test_a_script_in_the_page_itself_is_not_run(page: Browser) -> None:
    page.script(
        "const script = document.createElement('script');"
        "script.textContent = 'window.injected = 1';"
        "document.body.append(script)"
    )
    assert page.script("return window.injected === undefined")
    assert any("Content Security Policy" in problem for problem in page.problems())
