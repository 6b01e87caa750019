"""The main window: connects the drawing, the widgets and the session."""

import contextlib
import queue
import threading
import tkinter as tk
from tkinter import messagebox
from typing import Final

from digits_client.cli.server_options import ServerOptions

from . import view_model
from .commands import key_table
from .correction_recorder import CorrectionRecorder, SplitError
from .corrections import Corrections
from .corrections_window import CorrectionsWindow
from .drag_and_drop import accept_files
from .drawing import Drawing
from .events import Connected, Connecting, Disconnected, Event, Failed, Recognized
from .file_commands import FileCommands, errors_as_notices
from .main_frame import MAX_PEN_WIDTH, MIN_PEN_WIDTH, MainFrame
from .menus import add_menus, is_mac
from .session import Session
from .theme import Theme, ThemeName
from .tk_gc import gc_in_tk_thread

POLL_MILLISECONDS: Final = 8
"""Interval at which the window looks for events, since only Tk's thread may touch widgets."""

PEN_STEP: Final = 4.0


class DrawWindow:
    """The application: one window, one drawing, one session.

    Example:
        window = DrawWindow(tk.Tk(), ServerOptions(), Corrections(folder))
        window.run()
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
            options: The server's address and credentials; None for the default address, with
                the offer to start a server if none is reachable there.
            corrections: The folder that corrections are saved in.
            theme: The first palette.
            scale: Size of everything, 1 for 96 pixels per inch; None for the display's.
            stop: Set it, from any thread or signal handler, to close the window.
        """
        self.root = root
        self.drawing = Drawing()
        self.theme = Theme(root, theme, scale)
        self.is_closed = False
        self._stop = stop or threading.Event()
        self._corrections = corrections
        self._recorder = CorrectionRecorder(corrections)
        self._offers_server = options is None
        self._live = True
        self._reads_numbers = True
        self._pointed: int | None = None
        self._revision = 0
        self._last_recognized: Recognized | None = None
        self._idle_send: str | None = None
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._main = MainFrame(
            root, self.theme, self.drawing, self, self._on_change, self._on_point
        )
        self.sheet, self.panel = self._main.sheet, self._main.panel
        self.controls, self.status = self._main.controls, self._main.status
        self.files = FileCommands(root, self.drawing, self.status, self._redraw)
        self._menus = add_menus(root, self)
        self._show_window()
        self.session = Session(options or ServerOptions(), self._events.put)
        self._poll()

    @property
    def revision(self) -> int:
        """The number of the drawing's revision; every change increments it."""
        return self._revision

    @property
    def last_recognized(self) -> Recognized | None:
        """What was read, as it is shown or was shown last."""
        return self._last_recognized

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

    def save_drawing(self) -> None:
        """Let the user choose a name, and write the content of the sheet as PNG."""
        self.files.choose_and_save()

    def show_corrections(self) -> None:
        """List the corrections."""
        CorrectionsWindow(self.root, self.theme, self._corrections)

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
        self.drawing.clear()
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
        self._live = not self._live
        self.controls.show_live(self._live)
        if self._live:
            self._on_change()

    def toggle_numbers(self) -> None:
        """Switch between reading numbers and single digits."""
        self._reads_numbers = not self._reads_numbers
        self.controls.show_numbers(self._reads_numbers)
        if self._last_recognized and self._last_recognized.revision == self._revision:
            self._show_number(self._last_recognized)

    def toggle_dark(self) -> None:
        """Switch between the light and the dark theme."""
        self.theme.use("light" if self.theme.name == "dark" else "dark")
        self._main.apply_theme()
        self._color_menus()

    def show_keys(self) -> None:
        """Show all keys and what they do."""
        lines = [f"{keys}:  {label}" for keys, label in key_table(mac=is_mac(self.root))]
        messagebox.showinfo("Keyboard shortcuts", "\n".join(lines), parent=self.root)

    def close(self) -> None:
        """Close the window, so that ``run`` returns."""
        self.is_closed = True
        for timer in self.root.tk.splitlist(self.root.tk.call("after", "info")):
            # after_cancel would also delete commands that the widgets delete themselves.
            self.root.tk.call("after", "cancel", timer)
        self.root.destroy()

    def type_correction(self, digit: str) -> None:
        """Start to type what the person meant."""
        self.controls.type_correction(digit)

    def save_correction(self, text: str) -> None:
        """Save the drawing with the digit or the number that the person meant.

        Another one for the same revision replaces the first.
        """
        if self.drawing.is_empty:
            self.status.notice("There is no drawing to save: draw a digit first.")
            return
        if not text:
            self.status.notice("Type the digit or the number that it should be.")
            return
        last = self._last_recognized
        number = last.number if last and last.revision == self._revision else None
        with errors_as_notices(self.status):
            try:
                saved = self._recorder.save(self.drawing, self._revision, text, number)
            except SplitError as error:
                self.status.notice(str(error))
                return
            self.status.notice(view_model.saved_notice(text, saved))
        self.controls.clear_correction()

    # Everything below is called by the constructor, by widgets or by Tk's timers.

    def show_event(self, event: Event) -> None:
        """Show an event of the session."""
        match event:
            case Recognized(revision, number, seconds):
                if self._live or revision == self._revision:
                    self._last_recognized = event
                    self._show_number(event)
                    self.status.show_round_trip(number.digits[0].model_version, seconds)
            case Failed(_, reason):
                self._show(view_model.NO_PREDICTION)
                self.status.notice(reason)
            case _:
                self._show_connection(event)

    def _show_number(self, recognized: Recognized) -> None:
        """Show what was read, and where its digits are."""
        number = recognized.number
        boxes = [digit.box for digit in number.digits if digit.box] if self._reads_numbers else []
        self.sheet.show_boxes(boxes)
        place = view_model.place_shown(number, self._pointed)
        view = view_model.number_view(number, place, reads_numbers=self._reads_numbers)
        self.panel.show(view, number.digits[place].frame)

    def _show(self, view: view_model.PredictionView) -> None:
        """Show that nothing has been read."""
        self.sheet.show_boxes(())
        self.panel.show(view, None)

    def _on_point(self, index: int | None) -> None:
        """Show the bars of the digit that is pointed at."""
        self._pointed = index
        if self._last_recognized is not None and self.sheet.boxes:
            self._show_number(self._last_recognized)

    def _show_connection(self, event: Connecting | Connected | Disconnected) -> None:
        self.status.show(view_model.status(event))
        match event:
            case Connecting():
                self.status.offer(None)
            case Connected(_, model):
                self.status.offer(None)
                self.status.show_model(model.version, model.precision)
                if self._live:
                    self._show(view_model.NO_PREDICTION)
                    self._send()
                else:
                    self._show(view_model.NOT_REQUESTED)
            case Disconnected():
                if self._offers_server:
                    self.status.offer("Start a local server", self.session.start_server)
                else:
                    self.status.offer("Retry now", self.session.retry_now)
                self._show(view_model.NO_SERVER)

    def _show_window(self) -> None:
        self.root.title("digits")
        self._main.grid(sticky="nsew")
        self.root.columnconfigure(0, weight=1)
        self.root.rowconfigure(0, weight=1)
        self._color_menus()
        accept_files(self.root, self.files.open)
        self.root.protocol("WM_DELETE_WINDOW", self.close)
        self.controls.show_pen(self.sheet.pen_width)
        self.controls.show_live(self._live)
        self.controls.show_numbers(self._reads_numbers)
        self._show(view_model.NO_PREDICTION)
        self.root.update_idletasks()
        self.root.minsize(self.root.winfo_reqwidth(), self.root.winfo_reqheight())

    def _color_menus(self) -> None:
        for menu in self._menus:
            self.theme.color_menu(menu)

    def _redraw(self) -> None:
        """Show a drawing that something other than the pen changed."""
        self.sheet.redraw()
        self._on_change()

    def _on_change(self) -> None:
        """Start a new revision; send it once Tk has handled the movements that are waiting."""
        self._revision += 1
        self.controls.show_steps(undo=self.drawing.can_undo, redo=self.drawing.can_redo)
        if not self._live:
            self._show(view_model.NOT_REQUESTED)
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
