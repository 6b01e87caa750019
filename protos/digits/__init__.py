"""The contracts of the digits service, as generated from the protos: our own is ``digits.v1``."""
