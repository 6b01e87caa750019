"""Choices that were weighed by measurement, each by a short script of its own."""
