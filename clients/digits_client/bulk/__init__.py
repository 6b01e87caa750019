"""Many images: read ahead, sent in batches, and retried."""
