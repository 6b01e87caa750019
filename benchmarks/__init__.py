"""Measurements: limits of the server, comparison with its peers, and whole commands."""
