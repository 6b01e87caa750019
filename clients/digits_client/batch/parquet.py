"""Rows as a Parquet file, written with the optional PyArrow."""

import importlib
import importlib.util
import itertools
from pathlib import Path
from typing import Final

from digits_client.atomic_file import atomic_write

from .columns import DIGITS, Columns
from .formats import records
from .path_text import to_utf8

ROWS_PER_GROUP: Final = 50_000


def is_available() -> bool:
    """Return whether PyArrow is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def load() -> None:
    """Import PyArrow, which takes a second."""
    importlib.import_module("pyarrow.parquet")


def convert(part: Path, path: Path, columns: Columns) -> None:
    """Convert rows from JSON lines to a Parquet file, which gets its name once it is complete.

    Args:
        part: The rows as JSON lines.
        path: The Parquet file.
        columns: The columns of the rows.
    """
    import pyarrow  # imported late: it takes a second, and only this format needs it
    from pyarrow import parquet

    types = {
        "digit": pyarrow.int8(),
        "confidence": pyarrow.float32(),
        "unread_pages": pyarrow.uint32(),
        "not_a_digit": pyarrow.float32(),
        "digits": pyarrow.list_(
            pyarrow.struct(
                {
                    "digit": pyarrow.int8(),
                    "confidence": pyarrow.float32(),
                    "box": pyarrow.list_(pyarrow.int32()),
                }
            )
        ),
    }
    types |= {f"p{digit}": pyarrow.float32() for digit in DIGITS}
    for rank in range(1, columns.top_count + 1):
        types |= {f"top_{rank}": pyarrow.int8(), f"top_{rank}_probability": pyarrow.float32()}
    schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in columns.names])
    with (
        atomic_write(path, part=part.with_suffix(".whole")) as whole,
        part.open("rb") as file,
        parquet.ParquetWriter(whole, schema) as out,
    ):
        rows = (values | {"path": to_utf8(values["path"])} for _, values in records("jsonl", file))
        while group := list(itertools.islice(rows, ROWS_PER_GROUP)):
            out.write_table(pyarrow.Table.from_pylist(group, schema))
