"""The window: puts the sheet, the answer and the conversation together."""

import contextlib
import queue
import threading
import tkinter as tk
from collections.abc import Iterator
from tkinter import filedialog, messagebox, ttk
from typing import Final

from digits_client.cli.server_options import ServerOptions

from . import pictures, view_model
from .canvas import SheetCanvas
from .commands import key_table
from .controls import Controls
from .corrections import Corrections, KeptDrawing
from .corrections_window import KeptWindow
from .drag_and_drop import accept_files
from .drawing import Drawing
from .events import Answered, Connected, Disconnected, Event, Failed
from .menus import add_menus, is_mac
from .prediction_panel import AnswerPanel
from .session import Session
from .status_bar import StatusBar
from .theme import Theme, ThemeName
from .tk_gc import collected_here

POLL_MILLISECONDS: Final = 8
"""How often the window looks for answers. Only Tk's own thread may touch the window."""

PEN_STEP: Final = 4.0
FIRST_SIDE: Final = 460
"""Of the sheet in a new window, in pixels at 96 an inch."""

LEAST_PEN: Final = 4.0
MOST_PEN: Final = 48.0


class DrawWindow:
    """The application: one window, one drawing, one session.

    Example:
        window = DrawWindow(tk.Tk(), ServerOptions(), Corrections(folder))
        window.run()
    """

    def __init__(
        self,
        root: tk.Tk,
        connection: ServerOptions | None,
        kept: Corrections,
        *,
        theme: ThemeName = "light",
        scale: float | None = None,
        ended: threading.Event | None = None,
    ) -> None:
        """Build the window and begin to connect.

        Args:
            root: Of the application, empty.
            connection: The server; None for the default one, with the offer to start one
                where that does not answer.
            kept: Where corrected drawings go.
            theme: The palette to begin with.
            scale: How large, 1 for 96 pixels an inch; None for what the display says.
            ended: Set, from any thread or signal handler, to have the window closed.
        """
        self.root = root
        self.drawing = Drawing()
        self.is_closed = False
        self._ended = ended or threading.Event()
        self._kept = kept
        self._offers_server = connection is None
        self._live = True
        self._ticket = 0
        self._answered: Answered | None = None
        self._kept_now: tuple[int, KeptDrawing] | None = None
        self._sending: str | None = None
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._build(theme, scale)
        self.session = Session(connection or ServerOptions(), self._events.put)
        self._poll()

    @property
    def ticket(self) -> int:
        """The number of the drawing's state: one more with every change."""
        return self._ticket

    @property
    def answered(self) -> Answered | None:
        """The answer that is shown, or was last."""
        return self._answered

    def run(self) -> None:
        """Show the window until it is closed; then end the session."""
        with collected_here(self.root):
            try:
                self.root.mainloop()
            finally:
                self.session.close()

    # Commands: each is in a menu and on a key, see commands.py.

    def open_picture(self) -> None:
        """Ask for a file and show it in place of the drawing."""
        path = filedialog.askopenfilename(
            parent=self.root,
            title="Open a picture",
            filetypes=[
                ("Pictures", "*.png *.jpg *.jpeg *.webp *.bmp *.gif *.tif *.tiff"),
                ("All files", "*"),
            ],
        )
        if path:
            self.open_file(path)

    def open_file(self, path: str) -> None:
        """Show a file in place of the drawing."""
        with self._told():
            self.drawing.show_picture(pictures.from_file(path))
            self._redrawn()

    def paste_picture(self) -> None:
        """Show the clipboard's picture in place of the drawing."""
        with self._told():
            self.drawing.show_picture(pictures.from_clipboard())
            self._redrawn()

    def save_drawing(self) -> None:
        """Ask for a name and write what is on the sheet as PNG."""
        path = filedialog.asksaveasfilename(
            parent=self.root,
            title="Save the drawing",
            defaultextension=".png",
            initialfile="digit.png",
            filetypes=[("PNG", "*.png")],
        )
        if path:
            self.save_file(path)

    def save_file(self, path: str) -> None:
        """Write what is on the sheet as PNG."""
        with self._told():
            self.drawing.image().save(path, "PNG")
            self.status.notice(f"Saved as {path}.")

    def show_kept(self) -> None:
        """List the corrected drawings."""
        KeptWindow(self.root, self.theme, self._kept)

    def undo(self) -> None:
        """Take the last step back."""
        self.drawing.undo()
        self._redrawn()

    def redo(self) -> None:
        """Do the step again that was taken back."""
        self.drawing.redo()
        self._redrawn()

    def clear(self) -> None:
        """Take everything off the sheet."""
        self.drawing.clear()
        self._redrawn()

    def toggle_eraser(self) -> None:
        """Change between pen and eraser."""
        self.sheet.erasing = not self.sheet.erasing
        self.controls.show_eraser(self.sheet.erasing)

    def thicker(self) -> None:
        """Take a thicker pen."""
        self.set_pen(self.sheet.pen_width + PEN_STEP)

    def thinner(self) -> None:
        """Take a thinner pen."""
        self.set_pen(self.sheet.pen_width - PEN_STEP)

    def set_pen(self, width: float) -> None:
        """Take a pen of a width in pixels of the sheet, within what there is."""
        width = min(max(width, LEAST_PEN), MOST_PEN)
        if width != self.sheet.pen_width:  # showing it calls this again
            self.sheet.pen_width = width
            self.controls.show_pen(width)

    def recognise(self) -> None:
        """Ask about the drawing now."""
        self.session.send(self._ticket, self.drawing.image(), live=False)

    def toggle_live(self) -> None:
        """Change between answers while drawing and answers on request."""
        self._live = not self._live
        self.controls.show_live(self._live)
        if self._live:
            self._changed()

    def toggle_dark(self) -> None:
        """Change between the light and the dark theme."""
        self.theme.use("light" if self.theme.name == "dark" else "dark")
        for part in (self.sheet, self.panel, self.status):
            part.recolour()
        self._colour_menus()

    def show_keys(self) -> None:
        """Tell which keys there are."""
        lines = [f"{keys}:  {what}" for keys, what in key_table(mac=is_mac(self.root))]
        messagebox.showinfo("Keyboard", "\n".join(lines), parent=self.root)

    def close(self) -> None:
        """Close the window; ``run`` returns."""
        self.is_closed = True
        for timer in self.root.tk.splitlist(self.root.tk.call("after", "info")):
            # Not by after_cancel, which takes from their widgets what they themselves take away.
            self.root.tk.call("after", "cancel", timer)
        self.root.destroy()

    def keep(self, digit: int) -> None:
        """Keep the drawing as what was meant; another digit for the same drawing replaces it."""
        if self.drawing.is_empty:
            self.status.notice("There is nothing to keep yet: draw a digit first.")
            return
        answered, version = "", ""
        if self._answered is not None and self._answered.ticket == self._ticket:
            prediction = self._answered.prediction
            answered = (
                prediction.verdict.value if prediction.digit is None else str(prediction.digit)
            )
            version = prediction.model_version
        with self._told():
            if self._kept_now is not None and self._kept_now[0] == self._ticket:
                self._kept.remove(self._kept_now[1])
            strokes = () if self.drawing.picture else self.drawing.strokes
            kept = self._kept.keep(
                self.drawing.image(), strokes, digit, answered=answered, model_version=version
            )
            self._kept_now = (self._ticket, kept)
            self.status.notice(f"Kept as a {digit}, to learn from.")

    # Inside.

    def _build(self, theme: ThemeName, scale: float | None) -> None:
        self.root.title("digits")
        self.theme = Theme(self.root, theme, scale)
        pad = self.theme.pixels(12)
        self.controls = Controls(self.root, self.theme, self, (LEAST_PEN, MOST_PEN))
        self.panel = AnswerPanel(self.root, self.theme)
        self.status = StatusBar(self.root, self.theme)
        side = self.theme.pixels(FIRST_SIDE)
        place = ttk.Frame(self.root, width=side, height=side)
        self.sheet = SheetCanvas(place, self.theme, self.drawing, self._changed)
        place.grid(row=0, column=0, sticky="nsew", padx=pad, pady=(pad, 0))
        # Square, as large as there is room for.
        self.sheet.place(width=side, height=side)
        place.bind("<Configure>", self._fit)
        self.panel.grid(row=0, column=1, sticky="n", padx=(0, pad), pady=(pad, 0))
        self.controls.grid(row=1, column=0, columnspan=2, sticky="ew", padx=pad, pady=(pad, 0))
        self.status.grid(row=2, column=0, columnspan=2, sticky="ew", padx=pad, pady=pad)
        self.root.columnconfigure(0, weight=1)
        self.root.rowconfigure(0, weight=1)
        self._menus = add_menus(self.root, self)
        self._colour_menus()
        accept_files(self.root, self.open_file)
        self.root.protocol("WM_DELETE_WINDOW", self.close)
        self.controls.show_pen(self.sheet.pen_width)
        self.controls.show_live(self._live)
        self.panel.show(view_model.NO_ANSWER, None)
        self.root.update_idletasks()
        self.root.minsize(self.root.winfo_reqwidth(), self.root.winfo_reqheight())

    def _colour_menus(self) -> None:
        for menu in self._menus:
            self.theme.colour_menu(menu)

    def _fit(self, event: "tk.Event[tk.Misc]") -> None:
        side = max(1, min(event.width, event.height))
        x, y = (event.width - side) // 2, (event.height - side) // 2
        self.sheet.place_configure(x=x, y=y, width=side, height=side)

    def _redrawn(self) -> None:
        self.sheet.show()
        self._changed()

    def _changed(self) -> None:
        """The drawing is another: ask about it, once for all movements that are waiting."""
        self._ticket += 1
        self.controls.show_steps(undo=self.drawing.can_undo, redo=self.drawing.can_redo)
        if not self._live:
            self.panel.show(view_model.ASK, None)
        elif self._sending is None:
            self._sending = self.root.after_idle(self._send)

    def _send(self) -> None:
        self._sending = None
        self.session.send(self._ticket, self.drawing.image())

    def _poll(self) -> None:
        if self._ended.is_set():
            self.close()
            return
        with contextlib.suppress(queue.Empty):
            while True:
                self.show_event(self._events.get_nowait())
        self.root.after(POLL_MILLISECONDS, self._poll)

    def show_event(self, event: Event) -> None:
        """Show what a session tells."""
        match event:
            case Answered(ticket, prediction, seconds):
                if self._live or ticket == self._ticket:
                    self._answered = event
                    self.panel.show(view_model.answer(prediction), prediction.frame)
                    self.status.show_answer(prediction.model_version, seconds)
            case Failed(_, reason):
                self.panel.show(view_model.NO_ANSWER, None)
                self.status.notice(reason)
            case _:
                self.status.show(view_model.status(event))
                away = isinstance(event, Disconnected)
                if away and self._offers_server:
                    self.status.offer("Start a server here", self.session.start_server)
                elif away:
                    self.status.offer("Try now", self.session.try_again)
                else:
                    self.status.offer(None)
                if away:
                    self.panel.show(view_model.NO_SERVER, None)
                elif isinstance(event, Connected):
                    self.status.show_model(event.model.version)
                    self.panel.show(view_model.NO_ANSWER if self._live else view_model.ASK, None)
                    if self._live:
                        self._send()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Tell a person what went wrong with a file."""
        try:
            yield
        except pictures.PictureError as error:
            self.status.notice(str(error))
        except OSError as error:
            name = f"{error.filename} " if error.filename else ""
            self.status.notice(f"{name}cannot be written: {error.strerror or error}.")
