"""Admission, batching, and the use case that joins them: recognize some images."""
