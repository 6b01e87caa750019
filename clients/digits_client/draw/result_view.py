"""Shows what was read: in the panel, and with boxes on the sheet."""

from digits_client.results import Number

from . import view_model
from .canvas import SheetCanvas
from .drawing import Drawing
from .prediction_panel import PredictionPanel


class ResultView:
    """Shows a number or a single digit, and which of its digits is pointed at."""

    def __init__(self, drawing: Drawing, sheet: SheetCanvas, panel: PredictionPanel) -> None:
        """Set up without showing anything.

        Args:
            drawing: The drawing that is read.
            sheet: Where the boxes are shown.
            panel: Where everything else is shown.
        """
        self.reads_numbers = True
        """Whether several digits are read as a number."""
        self._drawing, self._sheet, self._panel = drawing, sheet, panel
        self._number: Number | None = None
        self._pointed: int | None = None

    def show(self, number: Number) -> None:
        """Show what was read, and where its digits are."""
        self._number = number
        if self._drawing.is_empty:
            self.show_none(view_model.NO_PREDICTION)
            return
        boxes = [digit.box for digit in number.digits if digit.box] if self.reads_numbers else []
        place = view_model.place_shown(number, self._pointed)
        self._sheet.show_boxes(boxes, place if len(boxes) > 1 else None)
        view = view_model.number_view(number, place, reads_numbers=self.reads_numbers)
        self._panel.show(view, number.digits[place].frame)

    def show_none(self, view: view_model.PredictionView) -> None:
        """Show that nothing has been read."""
        self._sheet.show_boxes(())
        self._panel.show(view, None)

    def point(self, index: int | None) -> None:
        """Show the bars of the digit that is pointed at."""
        self._pointed = index
        if self._number is not None and self._sheet.boxes:
            self.show(self._number)
