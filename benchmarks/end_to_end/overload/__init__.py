"""The server at several times its capacity."""
