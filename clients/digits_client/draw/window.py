"""The main window: connects the drawing, the widgets and the session."""

import contextlib
import queue
import threading
import tkinter as tk
from pathlib import Path
from typing import Final

from digits_client.cli.server_options import ServerOptions
from digits_client.results import Number

from . import view_model
from .connection_view import ConnectionView
from .correction_mode import CorrectionMode
from .corrections import Corrections
from .corrections_window import CorrectionsWindow
from .drag_and_drop import accept_files
from .drawing import Drawing
from .events import Connected, Disconnected, Event, Failed, Recognized
from .file_commands import FileCommands
from .help_windows import AboutWindow, KeysWindow
from .history import EarlierResult, History
from .icons import set_application_icon
from .layout import MIN_SIZE, first_size
from .main_frame import MAX_PEN_WIDTH, MIN_PEN_WIDTH, MainFrame
from .menus import add_menus
from .presentation import Presentation
from .samples_window import SamplesWindow
from .session import Session
from .theme import Theme, ThemeName
from .tk_gc import gc_in_tk_thread
from .training_window import TrainingWindow

POLL_MILLISECONDS: Final = 8
"""Interval at which the window looks for events, since only Tk's thread may touch widgets."""

PEN_STEP: Final = 4.0


class DrawWindow:
    """The application: one window, one drawing, one session.

    Example:
        DrawWindow(tk.Tk(), ServerOptions(), Corrections(folder)).run()
    """

    def __init__(
        self,
        root: tk.Tk,
        options: ServerOptions | None,
        corrections: Corrections,
        *,
        theme: ThemeName = "light",
        scale: float | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """Build the window and start to connect.

        Args:
            root: The application's main window, empty.
            options: The server's address and credentials; None for the default address, and for a
                private server if none is running there.
            corrections: The folder that corrections are saved in.
            theme: The first palette.
            scale: Size of everything, 1 for 96 pixels per inch; None for the display's.
            stop: Set it, from any thread or signal handler, to close the window.
        """
        self.root = root
        self.drawing = Drawing()
        self.theme = Theme(root, theme, scale)
        self.is_closed = False
        self.is_live = True
        """Whether drawings are recognized while they are drawn."""
        self.shows_history = True
        """Whether the earlier results are shown."""
        self.history = History()
        self._stop = stop or threading.Event()
        self._corrections = corrections
        self._may_start_server = options is None
        self._models: Path | None = None
        self._training: TrainingWindow | None = None
        self._revision = 0
        self._last_recognized: Recognized | None = None
        self._idle_send: str | None = None
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._main = MainFrame(root, self.theme, self.drawing, self, self._on_change)
        self.sheet, self.panel = self._main.sheet, self._main.panel
        self._result = self._main.result
        self.controls, self.status = self._main.controls, self._main.status
        self.notices = self._main.notices
        self.files = FileCommands(root, self.drawing, self.notices, self._keep, self._redraw)
        self._correction = CorrectionMode(self._main, self.drawing, corrections, self._current)
        self._menus = add_menus(root, self)
        self._presentation = Presentation(root, self._menus[0], self._main)
        self._show_window()
        self.session = Session(options, self._events.put)
        self.connection = ConnectionView(
            root,
            self.status,
            self.session.retry_now,
            (lambda: self.session.start_server(self._models)) if options is None else None,
        )
        self._poll()

    @property
    def revision(self) -> int:
        """The number of the drawing's revision; every change increments it."""
        return self._revision

    @property
    def last_recognized(self) -> Recognized | None:
        """What was read, as it is shown or was shown last."""
        return self._last_recognized

    @property
    def reads_numbers(self) -> bool:
        """Whether several digits are read as a number."""
        return self._result.reads_numbers

    @property
    def is_erasing(self) -> bool:
        """Whether the first button erases."""
        return self.sheet.erasing

    @property
    def is_dark(self) -> bool:
        """Whether the dark theme is in use."""
        return self.theme.name == "dark"

    @property
    def is_presenting(self) -> bool:
        """Whether the window shows the sheet and the result alone."""
        return self._presentation.is_on

    def run(self) -> None:
        """Show the window until it is closed; then close the session."""
        with gc_in_tk_thread(self.root):
            try:
                self.root.mainloop()
            finally:
                self.session.close()

    # The commands; commands.py gives each a menu entry and keys.

    def open_picture(self) -> None:
        """Let the user choose a file, and show it in place of the drawing."""
        self.files.choose_and_open()

    def paste_picture(self) -> None:
        """Show the clipboard's picture in place of the drawing."""
        self.files.paste()

    def show_samples(self) -> None:
        """Show a gallery of samples to open."""
        SamplesWindow(self.root, self.theme, self.files.open)

    def save_drawing(self) -> None:
        """Let the user choose a name, and write the content of the sheet as PNG."""
        self.files.choose_and_save()

    def copy_results(self) -> None:
        """Copy all earlier results, and the one that is shown, to the clipboard as CSV."""
        self._keep()
        count = len(self.history.results)
        self.root.clipboard_clear()
        self.root.clipboard_append(self.history.to_csv())
        self.notices.show(f"{count} result{'' if count == 1 else 's'} copied as CSV.")

    def undo(self) -> None:
        """Undo the last step."""
        self.drawing.undo()
        self._redraw()

    def redo(self) -> None:
        """Redo the step that was undone last."""
        self.drawing.redo()
        self._redraw()

    def clear(self) -> None:
        """Remove everything from the sheet."""
        self._keep()
        self.drawing.clear()
        self._redraw()

    def bring_back(self, result: EarlierResult) -> None:
        """Show an earlier result on the sheet again."""
        self._keep()
        self.drawing.restore(result.content)
        self._redraw()

    def toggle_eraser(self) -> None:
        """Switch between pen and eraser."""
        self.sheet.erasing = not self.sheet.erasing
        self.controls.show_eraser(self.sheet.erasing)

    def thicker(self) -> None:
        """Make the pen thicker."""
        self.set_pen(self.sheet.pen_width + PEN_STEP)

    def thinner(self) -> None:
        """Make the pen thinner."""
        self.set_pen(self.sheet.pen_width - PEN_STEP)

    def set_pen(self, width: float) -> None:
        """Set the width of the pen, in pixels of the sheet, within the limits."""
        width = min(max(width, MIN_PEN_WIDTH), MAX_PEN_WIDTH)
        if width != self.sheet.pen_width:  # show_pen calls this method again
            self.sheet.pen_width = width
            self.controls.show_pen(width)

    def recognize(self) -> None:
        """Recognize the drawing now."""
        self.session.send(self._revision, self.drawing.image(), live=False)

    def toggle_live(self) -> None:
        """Switch between recognizing while drawing and on request only."""
        self.is_live = not self.is_live
        self.controls.show_live(self.is_live)
        if self.is_live:
            self._on_change()

    def toggle_numbers(self) -> None:
        """Switch between reading numbers and single digits."""
        self._result.reads_numbers = not self.reads_numbers
        self.controls.show_numbers(self.reads_numbers)
        _, number = self._current()
        if number is not None:
            self._result.show(number)

    def correct(self, digit: str = "") -> None:
        """Start a correction of the drawing, with a digit or empty."""
        self._correction.start(digit)

    def save_correction(self, text: str) -> None:
        """Save the drawing with what the person meant."""
        self._correction.save(text)

    def show_corrections(self) -> None:
        """List the corrections."""
        CorrectionsWindow(self.root, self.theme, self._corrections)

    def show_training(self) -> None:
        """Train the model further on the corrections."""
        if self._training is not None and self._training.is_training:
            self._training.open()  # another one would end the training
            return
        on_use = self._use_models if self._may_start_server else None
        self._training = TrainingWindow(
            *(self.root, self.theme, self._corrections, self._models, on_use)
        )

    def present(self) -> None:
        """Show the sheet and the result alone on the whole screen, or leave that."""
        self._presentation.toggle()

    def leave_mode(self) -> None:
        """Leave the correction or the presentation."""
        if self._correction.is_on:
            self._correction.leave()
        elif self._presentation.is_on:
            self._presentation.toggle()

    def toggle_history(self) -> None:
        """Show or hide the earlier results."""
        self.shows_history = not self.shows_history
        self._show_history()

    def toggle_dark(self) -> None:
        """Switch between the light and the dark theme."""
        self.theme.use("light" if self.is_dark else "dark")
        self._main.apply_theme()
        self._color_menus()

    def show_keys(self) -> None:
        """Show all keys and what they do."""
        KeysWindow(self.root, self.theme)

    def show_about(self) -> None:
        """Show the versions."""
        connected = self.connection.connected
        AboutWindow(self.root, self.theme, connected.model.title if connected else "")

    def close(self) -> None:
        """Close the window, so that ``run`` returns."""
        self.is_closed = True
        for timer in self.root.tk.splitlist(self.root.tk.call("after", "info")):
            # after_cancel would also delete commands that the widgets delete themselves.
            self.root.tk.call("after", "cancel", timer)
        self.root.destroy()

    # Everything below is called by the constructor, by widgets or by Tk's timers.

    def show_event(self, event: Event) -> None:
        """Show an event of the session."""
        match event:
            case Recognized(revision, number, seconds):
                if self.is_live or revision == self._revision:
                    self._last_recognized = event
                    self._result.show(number)
                    self.status.show_round_trip(number.digits[0].model_version, seconds)
            case Failed(_, reason):
                self._result.show_none(view_model.NO_PREDICTION)
                self.notices.show(reason)
            case _:
                self.connection.show(event)
                if isinstance(event, Connected):
                    self._show_no_number()
                    if self.is_live:
                        self._send()
                elif isinstance(event, Disconnected):
                    self._result.show_none(view_model.NO_SERVER)

    def _show_no_number(self) -> None:
        waits = self.is_live or self.drawing.is_empty
        self._result.show_none(view_model.NO_PREDICTION if waits else view_model.NOT_REQUESTED)

    def _keep(self) -> None:
        """Keep the result that is shown among the earlier ones, if it is of this drawing."""
        _, number = self._current()
        if number is not None and not self.drawing.is_blank:
            self.history.keep(self.drawing.content, self.drawing.image(), number)
            self._show_history()

    def _show_history(self) -> None:
        self._main.history.show(self.history.results)
        self._main.show_parts(has_history=self.shows_history)

    def _use_models(self, models: Path | None) -> None:
        """Let the private server serve other models; None for that of the installation."""
        self._models = models
        self.session.start_server(models)

    def _current(self) -> tuple[int, Number | None]:
        """Return the revision of the drawing, and what was read in it, if anything."""
        last = self._last_recognized
        is_current = last is not None and last.revision == self._revision
        return self._revision, last.number if last and is_current else None

    def _show_window(self) -> None:
        self.root.title("digits")
        set_application_icon(self.root)
        self._main.grid(sticky="nsew")
        self.root.columnconfigure(0, weight=1)
        self.root.rowconfigure(0, weight=1)
        self._color_menus()
        accept_files(self.root, self.files.open)
        self.root.protocol("WM_DELETE_WINDOW", self.close)
        self.controls.show_pen(self.sheet.pen_width)
        self._result.show_none(view_model.NO_PREDICTION)
        pixels = self.theme.pixels
        self.root.minsize(pixels(MIN_SIZE[0]), pixels(MIN_SIZE[1]))
        screen = self.root.winfo_screenwidth(), self.root.winfo_screenheight()
        self.root.geometry("{}x{}".format(*first_size(screen, pixels)))

    def _color_menus(self) -> None:
        for menu in self._menus:
            self.theme.color_menu(menu)

    def _redraw(self) -> None:
        """Show a drawing that something other than the pen changed."""
        self._main.fit_sheet()
        self.sheet.redraw()
        self._on_change()

    def _on_change(self) -> None:
        """Start a new revision; send it once Tk has handled the movements that are waiting."""
        self._revision += 1
        self.controls.show_steps(undo=self.drawing.can_undo, redo=self.drawing.can_redo)
        if not self.is_live:
            self._show_no_number()
        elif self._idle_send is None:
            self._idle_send = self.root.after_idle(self._send)

    def _send(self) -> None:
        self._idle_send = None
        self.session.send(self._revision, self.drawing.image())

    def _poll(self) -> None:
        if self._stop.is_set():
            self.close()
            return
        with contextlib.suppress(queue.Empty):
            while True:
                self.show_event(self._events.get_nowait())
        self.root.after(POLL_MILLISECONDS, self._poll)
