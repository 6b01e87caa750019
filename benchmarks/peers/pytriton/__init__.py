"""The peer: Triton."""
