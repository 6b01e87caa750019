"""The processor's instructions for int8, on which the best ``--precision`` depends."""

import logging
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

_CPU_INFO: Final = Path("/proc/cpuinfo")
# The x86 instructions that multiply and add four int8 values at once, as Linux names them.
_INT8_FLAGS: Final = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})


def warn_without_int8_instructions(cpu_info: Path = _CPU_INFO) -> None:
    """Log a warning if int8 is probably slower than float32 on this processor.

    Logs nothing where that is unknown: only Linux on x86 lists the instructions.
    """
    try:
        lines = cpu_info.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return
    flags = next((line.partition(":")[2] for line in lines if line.startswith("flags")), None)
    if flags is not None and _INT8_FLAGS.isdisjoint(flags.split()):
        logger.warning(
            "--precision int8 is probably slower than float32 here: "
            "this processor has no VNNI instructions"
        )
