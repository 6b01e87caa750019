"""The peer: the tutorial's way."""
