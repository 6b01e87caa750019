"""The elements of tensors of the Open Inference Protocol: as JSON, and as bytes."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from .problems import ProblemError

# Those of the digits server's tensors. It rejects others, with a message that names its own.
_DTYPES: Final[Mapping[str, np.dtype[Any]]] = {
    "UINT8": np.dtype("u1"),
    "FP32": np.dtype("<f4"),
    "INT64": np.dtype("<i8"),
}


def to_bytes(field: str, datatype: str, data: Any) -> bytes:
    """Return elements given as JSON as bytes in row-major order.

    Args:
        field: The path of the tensor in the request, for messages.
        datatype: The type of the elements, as the protocol names it.
        data: A list of numbers, nested or flat.

    Raises:
        ProblemError: The data are not numbers of the type, or lists of different lengths.
    """
    dtype = _DTYPES.get(datatype)
    if dtype is None:
        return b""
    # As objects: of texts, numpy would make an array in which each takes as much as the longest.
    values = np.asarray(data, object)
    types = {int, float} if dtype.kind == "f" else {int}
    if not isinstance(data, list) or not types.issuperset(map(type, values.ravel())):
        wanted = "numbers" if dtype.kind == "f" else "whole numbers"
        raise ProblemError(400, f"{field}.data is not a list of {wanted}, flat or of equal rows")
    if dtype.kind != "f" and values.size:
        limits = np.iinfo(dtype)
        if values.min() < limits.min or values.max() > limits.max:
            raise ProblemError(
                400, f"{field}.data has values that are not {limits.min} to {limits.max}"
            )
    try:
        with np.errstate(over="ignore"):  # the digits server rejects what is not finite
            return values.astype(dtype).tobytes()
    except OverflowError:  # a whole number above all that are finite
        raise ProblemError(400, f"{field}.data has a value that is not finite") from None


def from_bytes(datatype: str, content: bytes) -> list[Any]:
    """Return elements given as bytes as a flat list, which is how JSON has them.

    Raises:
        ProblemError: The digits server sent a type that is not known here.
    """
    dtype = _DTYPES.get(datatype)
    if dtype is None or len(content) % dtype.itemsize:
        raise ProblemError(502, "the digits server sent a tensor of an unknown type")
    values: list[Any] = np.frombuffer(content, dtype).tolist()
    return values
