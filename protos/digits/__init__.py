"""The contract of the digits service, as generated from ``digits/v1/recognizer.proto``."""
