"""Cutting many images into messages that every server accepts."""

from collections.abc import Iterator

from digits.v1 import recognizer_pb2 as pb
from digits_client.images import MAX_BATCH_BYTES, MAX_BATCH_IMAGES, messages

SERVER_DEFAULT_BYTES = 4 * 2**20


def numbered(count: int) -> list[pb.Image]:
    return [pb.Image(encoded=str(number).encode()) for number in range(count)]


def test_no_images_make_no_messages() -> None:
    assert list(messages([])) == []


def test_images_fill_a_message_before_the_next_begins() -> None:
    cut = [len(gathered) for gathered in messages(numbered(2 * MAX_BATCH_IMAGES + 1))]
    assert cut == [MAX_BATCH_IMAGES, MAX_BATCH_IMAGES, 1]


def test_a_full_message_leaves_no_empty_one_behind() -> None:
    assert len(list(messages(numbered(MAX_BATCH_IMAGES)))) == 1


def test_the_order_of_the_images_is_kept() -> None:
    images = numbered(200)
    assert [image for gathered in messages(images) for image in gathered] == images


def test_a_message_of_large_images_stays_within_what_a_grpc_server_takes_by_default() -> None:
    images = [pb.Image(encoded=bytes(1_000_000)) for _ in range(10)]
    cut = list(messages(images))
    assert [len(gathered) for gathered in cut] == [4, 4, 2]
    for gathered in cut:
        request = pb.RecognizeBatchRequest(images=gathered, include_frame=True)
        assert request.ByteSize() <= SERVER_DEFAULT_BYTES


def test_an_image_that_is_too_large_for_any_message_travels_alone() -> None:
    large = pb.Image(encoded=bytes(MAX_BATCH_BYTES + 1))
    small = pb.Image(encoded=b"1")
    assert list(messages([small, large, small])) == [[small], [large], [small]]


def test_a_message_is_sent_before_the_next_image_but_one_is_read() -> None:
    read: list[int] = []

    def images() -> Iterator[pb.Image]:
        for number, image in enumerate(numbered(3 * MAX_BATCH_IMAGES)):
            read.append(number)
            yield image

    next(messages(images()))
    assert len(read) == MAX_BATCH_IMAGES + 1
