"""The mode in which the person says what the drawing shows."""

from collections.abc import Callable
from typing import Final

from digits_client.results import Number

from .correction_recorder import CorrectionRecorder, SplitError
from .corrections import Corrections
from .drawing import Drawing
from .file_commands import errors_as_notices
from .main_frame import MainFrame
from .view_model import saved_notice

_NOTHING: Final = "There is nothing to correct: draw a digit first."


class CorrectionMode:
    """Shows the bar for corrections, and saves what is typed there.

    Outside this mode no key and no button saves anything.
    """

    def __init__(
        self,
        main: MainFrame,
        drawing: Drawing,
        corrections: Corrections,
        current: Callable[[], tuple[int, Number | None]],
    ) -> None:
        """Set up without starting the mode.

        Args:
            main: The parts of the window.
            drawing: The drawing to correct.
            corrections: Where corrections are saved.
            current: Returns the revision of the drawing, and what was read in it, if anything.
        """
        self._main, self._drawing, self._current = main, drawing, current
        self._notices = main.notices
        self._recorder = CorrectionRecorder(corrections)

    @property
    def is_on(self) -> bool:
        """Whether the bar for corrections is shown."""
        return bool(self._main.correction_bar.winfo_manager())

    def start(self, digit: str) -> None:
        """Show the bar for corrections, with a digit or empty."""
        if self._drawing.is_blank:
            self._notices.show(_NOTHING)
            return
        self._main.show_parts(corrects=True)
        self._main.correction_bar.start(digit)

    def leave(self) -> None:
        """Hide the bar for corrections."""
        self._main.show_parts(corrects=False)
        self._main.winfo_toplevel().focus_set()

    def save(self, text: str) -> None:
        """Save the drawing with what the person meant, and leave the mode.

        Another correction of the same revision replaces the first; what was read right is not
        kept, nor is a blank sheet.

        Args:
            text: The digit or the number, or NOT_A_DIGIT_TEXT.
        """
        if self._drawing.is_blank:  # since an undo, or the eraser
            self._notices.show(_NOTHING)
            self.leave()
            return
        if not text:
            self._notices.show("Type the digit or the number that it should be.")
            return
        revision, number = self._current()
        with errors_as_notices(self._notices):
            try:
                saved = self._recorder.save(self._drawing, revision, text, number)
            except SplitError as error:
                self._notices.show(str(error))
                return
            undo = ("Undo", lambda: self._undo(revision)) if saved else None
            self._notices.show(saved_notice(text, saved), undo)
        self.leave()

    def _undo(self, revision: int) -> None:
        with errors_as_notices(self._notices):
            self._recorder.remove_latest(revision)
            self._notices.show("The correction was removed.")
