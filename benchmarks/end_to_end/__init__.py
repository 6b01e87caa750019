"""Measurements of whole commands and servers, as users run them."""
