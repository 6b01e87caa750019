"""Rows as a Parquet file, written with the optional PyArrow."""

import importlib.util
import itertools
from pathlib import Path
from typing import Any, Final

from digits_client.atomic_file import atomic_write

from .columns import DIGITS, Columns
from .formats import records

ROWS_PER_GROUP: Final = 50_000


def is_available() -> bool:
    """Return whether PyArrow is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def convert(part: Path, path: Path, columns: Columns) -> None:
    r"""Convert rows from JSON lines to a Parquet file, which gets its name once it is complete.

    Text in Parquet is UTF-8, so other bytes of a path are written in the form ``\\xe4``.

    Args:
        part: The rows as JSON lines.
        path: The Parquet file.
        columns: The columns of the rows.
    """
    import pyarrow  # imported late: it takes a second, and only this format needs it
    from pyarrow import parquet

    types = {"digit": pyarrow.int8(), "confidence": pyarrow.float32()}
    types |= {f"p{digit}": pyarrow.float32() for digit in DIGITS}
    for rank in range(1, columns.top_count + 1):
        types |= {f"top_{rank}": pyarrow.int8(), f"top_{rank}_probability": pyarrow.float32()}
    schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in columns.names])
    with (
        atomic_write(path, part=path.with_name(path.name + ".whole")) as whole,
        part.open("rb") as file,
        parquet.ParquetWriter(whole, schema) as out,
    ):
        rows = (_with_text_path(values) for _, values in records("jsonl", file))
        while group := list(itertools.islice(rows, ROWS_PER_GROUP)):
            out.write_table(pyarrow.Table.from_pylist(group, schema))


def _with_text_path(values: dict[str, Any]) -> dict[str, Any]:
    encoded = values["path"].encode("utf-8", "surrogateescape")
    return values | {"path": encoded.decode("utf-8", "backslashreplace")}
