"""Measure what the README quotes of the window: recorded strokes, replayed as pen events.

    make measure-window

A real window on a display of Xvfb's, a real server in a process of its own, and 200
recordings of writers that the model has not learned from, each point after the other as
fast as a tablet gives them. Counts the drawings that end in the right digit, and the time
from each movement of the pen until an answer that knows of it is on the screen.
"""

import argparse
import statistics
import tempfile
import time
import tkinter as tk
from pathlib import Path
from typing import Any

import numpy as np

from digits_client.cli.embedded import embedded_server
from digits_client.cli.server_options import ServerOptions
from digits_client.draw.corrections import Corrections
from digits_client.draw.drawing import SHEET_SIDE
from digits_client.draw.events import Event
from digits_client.draw.strokes import Point
from digits_client.draw.window import DrawWindow
from digits_training.pendigits import TEST_WRITERS, Recording, load_pendigits, of_writers
from scripts.virtual_display import virtual_display

POINT_MILLISECONDS = 10
ANSWER_SECONDS = 5.0
SEED = 5


class Replay(DrawWindow):
    """The window, which draws recordings by itself and watches its own answers."""

    def begin(self, recordings: list[Recording], pens: list[float]) -> None:
        """Draw them one after the other; the window closes after the last."""
        self.todo = list(zip(recordings, pens, strict=True))[::-1]
        self.right_count = 0
        self.wrong: list[tuple[int, str]] = []
        self.latencies: list[float] = []
        self.round_trips: list[float] = []
        self.waiting: list[tuple[int, float]] = []
        self.current: Recording | None = None

    def show_event(self, event: Event) -> None:
        """Show it, and note which movements it answers."""
        before = self.answered
        super().show_event(event)
        answered = self.answered
        if answered is None or answered is before:
            return
        self.root.update_idletasks()  # now it is on the screen
        now = time.perf_counter()
        self.round_trips.append(answered.round_trip_seconds)
        while self.waiting and self.waiting[0][0] <= answered.ticket:
            self.latencies.append(now - self.waiting.pop(0)[1])
        if self.current is None and self.status.text.startswith("Connected"):
            self.next_recording()

    def next_recording(self) -> None:
        """Begin to draw the next."""
        if not self.todo:
            self.close()
            return
        self.current, pen = self.todo.pop()
        self.clear()
        self.set_pen(pen)
        points = [
            (stroke[0], "<ButtonPress-1>", stroke[1:]) for stroke in placed(self.current) if stroke
        ]
        events: list[tuple[str, Point]] = []
        for first, press, rest in points:
            events.append((press, first))
            events += [("<B1-Motion>", point) for point in rest]
            events.append(("<ButtonRelease-1>", (rest or [first])[-1]))
        self.root.after(POINT_MILLISECONDS, self.move, events[::-1])

    def move(self, events: list[tuple[str, Point]]) -> None:
        """Move the pen by one point."""
        if not events:
            self.finish()
            return
        kind, (x, y) = events.pop()
        scale = self.sheet.winfo_width() / SHEET_SIDE
        before, now = self.ticket, time.perf_counter()
        place: dict[str, Any] = {"x": round(x * scale), "y": round(y * scale)}
        self.sheet.event_generate(kind, **place)
        if self.ticket != before:
            self.waiting.append((self.ticket, now))
        self.root.after(POINT_MILLISECONDS, self.move, events)

    def finish(self) -> None:
        """Take the answer to the whole drawing, once it is there."""
        if self.answered is None or self.answered.ticket != self.ticket:
            self.root.after(1, self.finish)
            return
        assert self.current is not None
        assert self.panel.answer is not None
        if self.panel.answer.headline == str(self.current.label):
            self.right_count += 1
        else:
            self.wrong.append((self.current.label, self.panel.answer.headline))
        self.next_recording()


def placed(recording: Recording) -> list[list[Point]]:
    """Return the strokes of a recording on the sheet, as one would write them there."""
    every = np.concatenate(recording.strokes)
    middle, scale = (
        (every.max(0) + every.min(0)) / 2,
        0.7 * SHEET_SIDE / np.ptp(every, axis=0).max(),
    )
    return [((s - middle) * scale + SHEET_SIDE / 2).tolist() for s in recording.strokes]


def main() -> None:
    """Replay and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200, help="recordings; default: 200")
    count = parser.parse_args().count
    random = np.random.default_rng(SEED)
    unseen = of_writers(load_pendigits(), TEST_WRITERS)
    recordings = [unseen[place] for place in random.permutation(len(unseen))[:count]]
    # As wide for a sheet of 400 as 8 to 24 are for one of 300.
    pens = (random.uniform(8, 24, count) * SHEET_SIDE / 300).tolist()
    with virtual_display(), embedded_server() as address, tempfile.TemporaryDirectory() as folder:
        window = Replay(
            tk.Tk(className="digits"), ServerOptions(address), Corrections(Path(folder))
        )
        window.begin(recordings, pens)
        window.run()
    latencies = sorted(1000 * seconds for seconds in window.latencies)
    print(f"{window.right_count} of {count} drawings end in the right digit", end="")
    print(f" ({window.right_count / count:.1%}); the others: {window.wrong}")
    share = {p: latencies[int(len(latencies) * p / 100)] for p in (50, 95, 99)}
    print(f"pen to answer on the screen, {len(latencies):,} movements:", end="")
    print(f" median {share[50]:.1f} ms, p95 {share[95]:.1f} ms, p99 {share[99]:.1f} ms", end="")
    print(f", longest {latencies[-1]:.1f} ms")
    print(f"round trip: median {1000 * statistics.median(window.round_trips):.1f} ms")


if __name__ == "__main__":
    main()
