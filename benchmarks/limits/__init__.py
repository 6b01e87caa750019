"""The server compared with the limits that its own parts set."""
