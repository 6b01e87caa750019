"""The peer: mosec."""
