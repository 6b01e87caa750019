"""The number of images in a group, by how fast groups are recognized."""

from digits_client.bulk.group_size import (
    FAST_SECONDS,
    FIRST_IMAGES,
    MAX_IMAGES,
    MIN_IMAGES,
    SLOW_SECONDS,
    GroupSize,
)

FAST, SLOW = FAST_SECONDS / 2, SLOW_SECONDS * 2
BETWEEN = (FAST_SECONDS + SLOW_SECONDS) / 2


def sizes(limit: int, seconds: float, *, has_queued: bool = True) -> list[int]:
    """Return the size at first, and after each of some groups."""
    size = GroupSize(limit)
    found = [size.value]
    for _ in range(5):
        size.adapt(seconds, has_queued=has_queued)
        found.append(size.value)
    return found


def test_groups_grow_up_to_the_maximum_while_they_are_fast_and_queue_up() -> None:
    assert sizes(1000, FAST) == [FIRST_IMAGES, *[MAX_IMAGES] * 5]


def test_groups_do_not_grow_while_no_message_queues_up() -> None:
    assert sizes(1000, FAST, has_queued=False) == [FIRST_IMAGES] * 6


def test_groups_that_are_neither_fast_nor_slow_keep_their_size() -> None:
    assert sizes(1000, BETWEEN) == [FIRST_IMAGES] * 6


def test_groups_shrink_to_the_minimum_while_they_are_slow() -> None:
    assert sizes(1000, SLOW) == [64, 32, 16, *[MIN_IMAGES] * 3]


def test_the_limit_of_the_server_is_never_exceeded() -> None:
    assert sizes(100, FAST) == [64, *[100] * 5]
    for seconds in (FAST, BETWEEN, SLOW):
        assert sizes(3, seconds) == [3] * 6


def test_groups_grow_again_after_a_slow_one() -> None:
    size = GroupSize(1000)
    for seconds in (SLOW, SLOW, FAST):
        size.adapt(seconds, has_queued=True)
    assert size.value == 32
