"""What the processor computes fast."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import keras

_CPU_INFO: Final = Path("/proc/cpuinfo")


def has_bfloat16_units() -> bool:
    """Return whether the processor multiplies matrices of bfloat16 (Intel's AMX)."""
    try:
        return "amx_bf16" in _CPU_INFO.read_text().split()
    except OSError:
        return False


@contextlib.contextmanager
def mixed_precision() -> Iterator[None]:
    """Let networks built in the block compute in bfloat16 where the processor is fast at it.

    Weights and the optimizer's state stay float32, so a run may be resumed on another processor.
    """
    before = keras.config.dtype_policy()
    if has_bfloat16_units():
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
