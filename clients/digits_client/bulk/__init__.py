"""Recognize many images: read ahead, send in batches, and retry."""
