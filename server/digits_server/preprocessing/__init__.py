"""The way from encoded or raw images to normalized (28, 28) frames."""
