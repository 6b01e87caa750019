"""Measure the page: replay recorded strokes in Chromium.

    make measure-page

Starts digits-web with a server of its own, opens the page in Chromium without a window, and draws
recordings of writers that the model was not trained on, point by point at the rate of a tablet.
Counts the drawings whose prediction is right at the end, and measures the time from each movement
of the pointer, as the browser stamps it, until the screen shows a result that includes it.
"""

import argparse
import time

from benchmarks.end_to_end.pen_recordings import (
    POINT_MILLISECONDS,
    print_latencies,
    sample_recordings,
    scale_to_sheet,
)
from digits_client.embedded import embedded_server
from scripts.browser import Browser, open_browser
from scripts.web_process import web_process

# After a frame of the screen has begun, a message is handled once it is painted.
MEASURE = """
const waiting = [];
window.latencies = [];
let before = document.body.dataset.drawn;
document.addEventListener("pointermove", (event) => {
  const { drawn } = document.body.dataset;
  if (drawn !== before) waiting.push([Number(drawn), event.timeStamp]);
  before = drawn;
});
document.addEventListener("shown", ({ detail }) => requestAnimationFrame(() => {
  const painted = new MessageChannel();
  painted.port1.onmessage = () => {
    const now = performance.now();
    while (waiting.length && waiting[0][0] <= detail) latencies.push(now - waiting.shift()[1]);
  };
  painted.port2.postMessage(null);
}));
"""


def replay(browser: Browser, count: int) -> list[tuple[int, str]]:
    """Draw recordings and return the label and the result of each mistake."""
    wrong = []
    for recording, pen_width in zip(*sample_recordings(count), strict=True):
        browser.script(
            "document.querySelector('#clear-button').click();"
            "const pen = document.querySelector('#pen');"
            "pen.value = arguments[0]; pen.dispatchEvent(new Event('input'))",
            round(pen_width),
        )
        due = time.monotonic()
        for points in filter(None, scale_to_sheet(recording)):
            for event in browser.pen_events(points):
                due += POINT_MILLISECONDS / 1000
                time.sleep(max(0, due - time.monotonic()))
                browser.send_pen_event(*event)
        browser.wait_until_recognized()
        headline = browser.text("#headline")
        if headline != str(recording.label):
            wrong.append((recording.label, headline))
    return wrong


def main() -> None:
    """Replay the recordings and print the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100, help="number of recordings; default: 100")
    count = parser.parse_args().count
    with (
        embedded_server() as address,
        web_process(address) as web,
        open_browser() as browser,
    ):
        browser.resize(1280, 800)
        browser.open(web.url)
        browser.script(MEASURE)
        started = time.monotonic()
        wrong = replay(browser, count)
        seconds = time.monotonic() - started
        latencies = browser.script("return latencies")
        trips = browser.text("#model")
    print(f"{count - len(wrong)} of {count} drawings end in the right digit", end="")
    print(f"; mistakes (label, shown): {wrong}")
    print_latencies(latencies, "pointer movement to result")
    print(f"{seconds:.0f} s; last shown: {trips}")


if __name__ == "__main__":
    main()
