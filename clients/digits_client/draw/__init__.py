"""Drawing: pen strokes, and the image that they make."""
