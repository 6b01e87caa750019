"""Measurements of digits beside other servers."""
