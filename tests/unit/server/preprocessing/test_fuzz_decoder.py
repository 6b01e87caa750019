"""Any bytes and any pixels give frames, none, or an InvalidArgumentError."""

import contextlib
import random
import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.decode import ImageLimits, decode, from_raw
from digits_server.preprocessing.readings import MAX_READINGS
from digits_server.preprocessing.search import find_readings
from scripts import fuzz

LIMITS = ImageLimits(max_bytes=2**20, max_pixels=2**16)
SEEDS = fuzz.seed_images()
fuzz_settings = settings(max_examples=300, deadline=None, derandomize=True)


def assert_readings_are_frames(gray: NDArray[np.uint8]) -> None:
    readings = find_readings(gray).readings
    assert len(readings) <= MAX_READINGS
    assert all(map(fuzz.is_frame, readings))


def assert_frames_or_error(encoded: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about inconsistent tags
        with contextlib.suppress(InvalidArgumentError):
            assert_readings_are_frames(decode(encoded, LIMITS).gray)


def test_every_seed_image_has_ink() -> None:
    for seed in SEEDS:
        assert find_readings(decode(seed, LIMITS).gray).readings


@fuzz_settings
@given(st.binary(max_size=200))
def test_any_bytes_give_frames_or_an_error(encoded: bytes) -> None:
    assert_frames_or_error(encoded)


@fuzz_settings
@given(st.integers(0, 2**32))
def test_damaged_images_give_frames_or_an_error(seed: int) -> None:
    assert_frames_or_error(fuzz.mutated(SEEDS, random.Random(seed)))


@fuzz_settings
@given(st.integers(0, 2**32), st.integers(0, 2**32), st.binary(max_size=64))
def test_raw_pixels_of_any_size_give_frames_or_an_error(
    width: int, height: int, data: bytes
) -> None:
    with contextlib.suppress(InvalidArgumentError):
        assert_readings_are_frames(from_raw(width, height, data, LIMITS))


@settings(fuzz_settings, max_examples=150)
@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=70)))
def test_any_pixels_give_frames(gray: NDArray[np.uint8]) -> None:
    assert_readings_are_frames(gray)
