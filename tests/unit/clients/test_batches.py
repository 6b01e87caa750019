"""Splitting many images into batches that every server accepts."""

from collections.abc import Iterator

from digits.v1 import recognizer_pb2 as pb
from digits_client.images import MAX_BATCH_BYTES, MAX_BATCH_IMAGES, batches

SERVER_DEFAULT_BYTES = 4 * 2**20


def numbered(count: int) -> list[pb.Image]:
    return [pb.Image(encoded=str(number).encode()) for number in range(count)]


def test_no_images_make_no_batches() -> None:
    assert list(batches([])) == []


def test_images_fill_a_batch_before_the_next_one_starts() -> None:
    split = [len(batch) for batch in batches(numbered(2 * MAX_BATCH_IMAGES + 1))]
    assert split == [MAX_BATCH_IMAGES, MAX_BATCH_IMAGES, 1]


def test_a_full_batch_is_not_followed_by_an_empty_one() -> None:
    assert len(list(batches(numbered(MAX_BATCH_IMAGES)))) == 1


def test_the_order_of_the_images_is_kept() -> None:
    images = numbered(200)
    assert [image for batch in batches(images) for image in batch] == images


def test_a_batch_of_large_images_is_within_the_default_limit_of_a_grpc_server() -> None:
    images = [pb.Image(encoded=bytes(1_000_000)) for _ in range(10)]
    split = list(batches(images))
    assert [len(batch) for batch in split] == [4, 4, 2]
    for batch in split:
        request = pb.RecognizeBatchRequest(images=batch, include_frame=True)
        assert request.ByteSize() <= SERVER_DEFAULT_BYTES


def test_an_image_that_exceeds_the_limit_is_a_batch_by_itself() -> None:
    large = pb.Image(encoded=bytes(MAX_BATCH_BYTES + 1))
    small = pb.Image(encoded=b"1")
    assert list(batches([small, large, small])) == [[small], [large], [small]]


def test_a_full_batch_is_yielded_after_one_more_image_is_read() -> None:
    read: list[int] = []

    def images() -> Iterator[pb.Image]:
        for number, image in enumerate(numbered(3 * MAX_BATCH_IMAGES)):
            read.append(number)
            yield image

    next(batches(images()))
    assert len(read) == MAX_BATCH_IMAGES + 1
