"""The drawing window ``digits-draw``, and the pen strokes that other packages draw with too."""
