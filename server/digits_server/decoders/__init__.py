"""Decoding images that are not plain, in processes with limits that can be ended and replaced."""

from .pool import DecoderPool

__all__ = ["DecoderPool"]
