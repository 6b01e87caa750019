"""Admission, batching, and the recognizer that combines them."""
