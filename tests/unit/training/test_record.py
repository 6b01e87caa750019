"""The record of a training run."""

import hashlib
from pathlib import Path

from digits_training.record import checksums
from digits_training.settings import FitSettings

FILES = (
    "omniglot_small.npz",
    "pendigits-train-strokes.jsonl.gz",
    "unipen-train-digits.jsonl.gz",
    "unipen-train-signs.jsonl.gz",
)


def test_the_record_has_the_checksum_of_each_data_set_that_is_there(tmp_path: Path) -> None:
    mnist = {f"mnist/{name}" for name in ("x_train", "y_train", "x_test", "y_test")}
    assert checksums(FitSettings(), tmp_path).keys() == mnist
    for name in FILES:
        (tmp_path / name).write_bytes(name.encode())
    sums = checksums(FitSettings(), tmp_path)
    assert sums.keys() == {*mnist, *FILES}
    for name in FILES:
        assert sums[name] == f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"
    assert checksums(FitSettings.for_network("tutorial"), tmp_path).keys() == mnist
