"""Measure the window: replay recorded strokes as pen events.

    make measure-window

Opens a real window on a virtual display (Xvfb), with a server in its own process, and draws
200 recordings of writers that the model was not trained on, point by point at the rate of a
tablet. Counts the drawings whose prediction is right at the end, and measures the time from
each movement of the pen until a prediction that includes it is on the screen.
"""

import argparse
import statistics
import tempfile
import time
import tkinter as tk
from pathlib import Path
from typing import Any

from benchmarks.end_to_end.pen_recordings import (
    POINT_MILLISECONDS,
    print_latencies,
    sample_recordings,
    scale_to_sheet,
)
from digits_client.cli.server_options import ServerOptions
from digits_client.draw.corrections import Corrections
from digits_client.draw.drawing import SHEET_HEIGHT
from digits_client.draw.events import Event
from digits_client.draw.strokes import Point
from digits_client.draw.window import DrawWindow
from digits_client.embedded import embedded_server
from digits_training.recordings import Recording
from scripts.virtual_display import virtual_display


class ReplayWindow(DrawWindow):
    """A window that draws recordings and measures its own predictions."""

    def start(self, recordings: list[Recording], pen_widths: list[float]) -> None:
        """Draw recordings one after the other; close the window after the last."""
        self.remaining = list(zip(recordings, pen_widths, strict=True))[::-1]
        self.right_count = 0
        self.wrong: list[tuple[int, str]] = []
        """The label and the prediction of each mistake."""
        self.latencies: list[float] = []
        """Seconds from each movement of the pen until its prediction was on the screen."""
        self.round_trips: list[float] = []
        self.waiting: list[tuple[int, float]] = []
        """The revision and the time of each movement without a prediction yet."""
        self.current: Recording | None = None

    def show_event(self, event: Event) -> None:
        """Show an event, and record which movements its prediction includes."""
        before = self.last_recognized
        super().show_event(event)
        recognized = self.last_recognized
        if recognized is None or recognized is before:
            return
        self.root.update_idletasks()  # afterwards the prediction is on the screen
        now = time.perf_counter()
        self.round_trips.append(recognized.round_trip_seconds)
        while self.waiting and self.waiting[0][0] <= recognized.revision:
            self.latencies.append(now - self.waiting.pop(0)[1])
        if self.current is None and self.status.text.startswith("Connected"):
            self.draw_next_recording()

    def draw_next_recording(self) -> None:
        """Start to draw the next recording."""
        if not self.remaining:
            self.close()
            return
        self.current, pen_width = self.remaining.pop()
        self.clear()
        self.set_pen(pen_width)
        events: list[tuple[str, Point]] = []
        for first, *rest in filter(None, scale_to_sheet(self.current)):
            events.append(("<ButtonPress-1>", first))
            events += [("<B1-Motion>", point) for point in rest]
            events.append(("<ButtonRelease-1>", rest[-1] if rest else first))
        self.root.after(POINT_MILLISECONDS, self.move_pen, events[::-1])

    def move_pen(self, events: list[tuple[str, Point]]) -> None:
        """Generate the last of the events; schedule the others."""
        if not events:
            self.finish_recording()
            return
        kind, (x, y) = events.pop()
        scale = self.sheet.winfo_height() / SHEET_HEIGHT
        before, now = self.revision, time.perf_counter()
        position: dict[str, Any] = {"x": round(x * scale), "y": round(y * scale)}
        self.sheet.event_generate(kind, **position)
        if self.revision != before:
            self.waiting.append((self.revision, now))
        self.root.after(POINT_MILLISECONDS, self.move_pen, events)

    def finish_recording(self) -> None:
        """Wait for the prediction of the whole drawing, and count it."""
        if self.last_recognized is None or self.last_recognized.revision != self.revision:
            self.root.after(1, self.finish_recording)
            return
        assert self.current is not None
        if self.panel.view.headline == str(self.current.label):
            self.right_count += 1
        else:
            self.wrong.append((self.current.label, self.panel.view.headline))
        self.draw_next_recording()


def main() -> None:
    """Replay the recordings and print the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200, help="number of recordings; default: 200")
    count = parser.parse_args().count
    recordings, pen_widths = sample_recordings(count)
    with virtual_display(), embedded_server() as address, tempfile.TemporaryDirectory() as folder:
        window = ReplayWindow(
            tk.Tk(className="digits"), ServerOptions(address), Corrections(Path(folder))
        )
        window.start(recordings, pen_widths)
        window.run()
    latencies = [1000 * seconds for seconds in window.latencies]
    print(f"{window.right_count} of {count} drawings end in the right digit", end="")
    print(f" ({window.right_count / count:.1%}); mistakes (label, shown): {window.wrong}")
    print_latencies(latencies, "pen movement to prediction")
    print(f"round trip: median {1000 * statistics.median(window.round_trips):.1f} ms")


if __name__ == "__main__":
    main()
