"""The pool of decoding processes, with real processes."""

import asyncio
import dataclasses
import io
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from PIL import Image

from digits_server.decoders import DecoderPool
from digits_server.decoders import pool as pool_module
from digits_server.decoders import process as process_module
from digits_server.decoders.messages import pack_frames
from digits_server.decoders.process import DecoderEndedError
from digits_server.errors import OverloadedError, ServerError
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.decode import ImageLimits
from digits_server.preprocessing.framing import (
    EncodedImage,
    Frames,
    RawImage,
    SourceImage,
    to_frames,
)
from digits_server.preprocessing.layout import Layout
from digits_server.preprocessing.readings import MAX_READINGS, READINGS
from digits_server.settings import Settings
from scripts import bombs
from tests import needs

LIMITS = ImageLimits(max_bytes=2**24, max_pixels=2**24)


def encoded(image_format: str, side: int = 40, mode: str = "L") -> EncodedImage:
    image = Image.new("L", (side, side), 255)
    image.paste(0, (side // 2, side // 4, side * 5 // 8, side * 3 // 4))
    content = io.BytesIO()
    image.convert(mode).save(content, image_format)
    return EncodedImage(content.getvalue())


def sheet_on_a_desk(image_format: str) -> EncodedImage:
    """Return an image that has several readings."""
    image = Image.new("L", (120, 90), 60)
    image.paste(230, (30, 10, 100, 80))
    image.paste(20, (60, 30, 68, 62))
    content = io.BytesIO()
    image.save(content, image_format)
    return EncodedImage(content.getvalue())


class Pool(DecoderPool):
    """A pool that shows its processes and its metrics."""

    def __init__(self, count: int = 1, memory_bytes: int = 2**27) -> None:
        self.metrics = Metrics()
        super().__init__(count, LIMITS, memory_bytes, self.metrics)

    def limit_time(self, image_seconds: float, group_seconds: float = 1) -> None:
        self._settings = dataclasses.replace(
            self._settings, image_seconds=image_seconds, group_seconds=group_seconds
        )

    @property
    def pids(self) -> list[int]:
        return [process._process.pid for process in self._idle]

    def ended(self, cause: str) -> float | None:
        return self.metrics.registry.get_sample_value(
            "digits_ended_decoders_total", {"cause": cause}
        )


@asynccontextmanager
async def running(pool: Pool) -> AsyncIterator[Pool]:
    try:
        yield pool
    finally:
        await pool.stop()


async def test_frames_and_errors_equal_those_made_in_this_process() -> None:
    images: list[SourceImage] = [
        *(encoded(image_format) for image_format in ("JPEG", "GIF", "BMP", "TIFF", "WEBP", "PNG")),
        EncodedImage(encoded("JPEG").content[:200]),
        RawImage(2, 2, b"123"),
        None,
        *[encoded("JPEG", side) for side in range(20, 60)],
    ]
    async with running(Pool(2)) as pool:
        found = await pool.to_frames(images)

    assert_equal(found, to_frames(images, LIMITS))


def assert_equal(found: Frames, expected: Frames) -> None:
    for column in ("pixels", "owners", "readings", "boxes", "failures", "unread_pages"):
        np.testing.assert_array_equal(getattr(found, column), getattr(expected, column))
    assert {index: str(error) for index, error in found.errors.items()} == {
        index: str(error) for index, error in expected.errors.items()
    }


async def test_all_readings_of_an_image_come_back_in_order() -> None:
    images: list[SourceImage] = [
        sheet_on_a_desk("JPEG"),
        encoded("GIF"),
        None,
        *[sheet_on_a_desk(image_format) for image_format in ("BMP", "WEBP", "TIFF")] * 8,
        encoded("JPEG"),
    ]
    async with running(Pool(2)) as pool:
        found = await pool.to_frames(images)
        pool.limit_time(5, group_seconds=0)  # each image in a turn of its own
        one_by_one = await pool.to_frames(images)

    expected = to_frames(images, LIMITS)
    counts = np.bincount(expected.owners, minlength=len(images))
    assert counts[0] > 1
    assert counts[[1, 2, -1]].tolist() == [1, 0, 1]
    assert_equal(found, expected)
    assert_equal(one_by_one, expected)


def test_the_readings_of_a_whole_group_fit_into_a_response() -> None:
    frames = Frames(
        np.full((pool_module._GROUP_IMAGES * MAX_READINGS, 28, 28), 0.5, np.float32),
        np.repeat(np.arange(pool_module._GROUP_IMAGES), MAX_READINGS),
        np.full(pool_module._GROUP_IMAGES * MAX_READINGS, len(READINGS) - 1, np.uint8),
        np.full((pool_module._GROUP_IMAGES * MAX_READINGS, 4), 2**31 - 1, np.intp),
        np.zeros(pool_module._GROUP_IMAGES, np.uint8),
        np.full(pool_module._GROUP_IMAGES, 2**32 - 1, np.uint32),
    )
    assert len(pack_frames(frames)) <= process_module._MAX_RESPONSE_BYTES


@needs.timers
async def test_an_image_that_takes_too_long_costs_its_process_and_nothing_else() -> None:
    slow = EncodedImage(bombs.repeated_scans(bombs.SIDE, 300))  # takes a multiple of the limit
    async with running(Pool()) as pool:
        pool.limit_time(0.08)
        found = await pool.to_frames([encoded("JPEG"), slow, encoded("GIF")])
        after = await pool.to_frames([encoded("BMP")])

    assert found.owners.tolist() == [0, 2]
    assert [*found.errors] == [1]
    assert "to decode" in str(found.errors[1])
    assert after.owners.tolist() == [0]
    assert pool.ended("time") == 2  # with the other images, and alone


@needs.memory_limits
async def test_an_image_that_takes_too_much_memory_has_an_error() -> None:
    large = encoded("JPEG", 3000, "RGB")
    async with running(Pool(memory_bytes=2**24)) as pool:
        found = await pool.to_frames([large, encoded("JPEG")])

    assert found.owners.tolist() == [1]
    assert str(found.errors[0]).startswith("image takes more than 16 MB")


def large_colored(image_format: str) -> EncodedImage:
    """Return an image of 16 megapixels: red on green, with transparent corners in a PNG."""
    image = Image.new("RGB", (4096, 4096), (60, 150, 60))
    image.paste((200, 60, 50), (1500, 500, 2000, 3500))
    if image_format == "PNG":
        image.putalpha(Image.new("L", image.size, 255))
        image.paste((0, 0, 0, 0), (0, 0, 400, 400))
    content = io.BytesIO()
    image.save(content, image_format, compress_level=1)
    return EncodedImage(content.getvalue())


def large_deep() -> EncodedImage:
    """Return a TIFF of 16 megapixels of 12 bits."""
    pixels = np.full((4096, 4096), 4095, np.uint16)
    pixels[500:3500, 1500:2000] = 0
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "TIFF", compression="tiff_lzw")
    return EncodedImage(content.getvalue())


async def test_large_images_that_are_not_plain_gray_fit_into_the_default_memory() -> None:
    images = [large_colored("JPEG"), large_colored("PNG"), large_deep()]
    async with running(Pool(memory_bytes=Settings().max_decode_bytes)) as pool:
        pool.limit_time(30)  # not what is tested here
        found = await pool.to_frames(images)

    assert not found.errors
    assert found.owners.tolist() == [0, 1, 2]


@needs.signals
@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
async def test_a_process_that_dies_between_requests_is_replaced(name: str) -> None:
    async with running(Pool()) as pool:
        await pool.start()
        os.kill(pool.pids[0], getattr(signal, name))
        found = await pool.to_frames([encoded("JPEG")])

    assert found.owners.tolist() == [0]
    assert pool.ended("crashed") == 1


@needs.signals
async def test_an_image_for_which_no_process_can_be_started_is_rejected_and_others_are_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    images = [encoded("JPEG")]
    executable = sys.executable
    async with running(Pool()) as pool:
        monkeypatch.setattr(sys, "executable", "/does-not-exist")
        with pytest.raises(OverloadedError, match=r"cannot be started; retry in 1 s"):
            await pool.to_frames(images)
        with pytest.raises(ServerError, match="cannot be started: No such file or directory"):
            await pool.start()
        monkeypatch.setattr(sys, "executable", executable)
        assert_equal(await pool.to_frames(images), to_frames(images, LIMITS))
    assert caplog.messages == ["a decoding process cannot be started: No such file or directory"]


async def test_a_process_that_is_stopped_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(Pool()) as pool:
        await pool.to_frames([encoded("JPEG")])
        os.kill(pool.pids[0], signal.SIGSTOP)
        monkeypatch.setattr(process_module, "_HUNG_SECONDS", 0.1)
        with pytest.raises(DecoderEndedError, match="hung"):
            await pool._decode([encoded("JPEG")], Layout.DIGIT)
        monkeypatch.undo()
        found = await pool.to_frames([encoded("JPEG")])

    assert found.owners.tolist() == [0]
    assert pool.ended("hung") == 1


@needs.signals
@needs.process_groups
async def test_signals_that_drain_the_server_leave_its_decoders_running() -> None:
    async with running(Pool()) as pool:
        await pool.to_frames([encoded("JPEG")])
        [pid] = pool.pids
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(pid, number)
        await pool.to_frames([encoded("JPEG")])
        assert pool.pids == [pid]
        # Before it ignores Ctrl-C, while it starts, it does not even get it.
        assert os.getpgid(pid) != os.getpgid(0)


async def test_a_caller_that_leaves_does_not_cost_a_process() -> None:
    async with running(Pool()) as pool:
        await pool.to_frames([encoded("JPEG")])
        pids = pool.pids
        leaving = asyncio.create_task(pool.to_frames([encoded("JPEG", 3000)] * 3))
        while pool.pids:  # noqa: ASYNC110 - no event tells that the process is taken
            await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        found = await pool.to_frames([encoded("GIF")])
        assert pool.pids == pids

    assert found.owners.tolist() == [0]


async def test_requests_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_GROUP_IMAGES", 1)
    finished: list[str] = []

    async def recognize(pool: Pool, name: str, count: int) -> None:
        await pool.to_frames([encoded("JPEG")] * count)
        finished.append(name)

    async with running(Pool()) as pool:
        await pool.start()
        await asyncio.gather(recognize(pool, "many", 50), recognize(pool, "one", 1))

    assert finished == ["one", "many"]


async def test_the_rest_of_a_group_waits_for_its_next_turn() -> None:
    images = [encoded("JPEG", 200 + side) for side in range(8)]
    async with running(Pool()) as pool:
        pool.limit_time(5, group_seconds=0)
        found = await pool.to_frames(images)

    assert found.owners.tolist() == [*range(8)]


async def test_processes_are_started_as_they_are_needed_and_end_with_the_pool() -> None:
    async with running(Pool(3)) as pool:
        await pool.start()
        await pool.to_frames([encoded("JPEG")])
        assert len(pool.pids) == 1
        await asyncio.gather(*(pool.to_frames([encoded("JPEG")]) for _ in range(5)))
        pids = pool.pids
        assert len(pids) == 3

    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
