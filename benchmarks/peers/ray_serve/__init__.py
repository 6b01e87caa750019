"""The peer: Ray Serve."""
