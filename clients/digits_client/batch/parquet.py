"""Rows as a Parquet file, by PyArrow, which is an extra."""

import importlib.util
import itertools
from pathlib import Path
from typing import Any, Final

from .columns import DIGITS, Columns
from .formats import records

NEEDED: Final = "pyarrow"
ROWS_A_GROUP: Final = 50_000


def is_available() -> bool:
    """Return whether PyArrow is installed."""
    return importlib.util.find_spec(NEEDED) is not None


def convert(part: Path, path: Path, columns: Columns) -> None:
    r"""Write rows of JSON lines as a Parquet file, which is whole or not there.

    Text in Parquet is UTF-8: bytes of a path that are none are written as ``\\xe4``.

    Args:
        part: The rows, as JSON lines.
        path: The file.
        columns: What they hold.
    """
    import pyarrow  # here, since it takes a second to import and only this format needs it
    from pyarrow import parquet

    kinds = {"digit": pyarrow.int8(), "confidence": pyarrow.float32()}
    kinds |= {f"p{digit}": pyarrow.float32() for digit in DIGITS}
    for rank in range(1, columns.top_count + 1):
        kinds |= {f"top_{rank}": pyarrow.int8(), f"top_{rank}_probability": pyarrow.float32()}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in columns.names])
    whole = path.with_name(path.name + ".whole")
    with part.open("rb") as file, parquet.ParquetWriter(whole, schema) as out:
        rows = (_as_text(values) for _, values in records("jsonl", file))
        while group := list(itertools.islice(rows, ROWS_A_GROUP)):
            out.write_table(pyarrow.Table.from_pylist(group, schema))
    whole.replace(path)


def _as_text(values: dict[str, Any]) -> dict[str, Any]:
    encoded = values["path"].encode("utf-8", "surrogateescape")
    return values | {"path": encoded.decode("utf-8", "backslashreplace")}
