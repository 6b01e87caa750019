"""Fixtures for tests with programs that other people wrote."""

from tests.processes import environment, run, samples, server, start_server

__all__ = ["environment", "run", "samples", "server", "start_server"]
