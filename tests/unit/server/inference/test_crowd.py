from digits_server.inference.crowd import CROWDS_PER_PROBE, MAX_WAIT_SECONDS, Crowd


def learned(*counts: int) -> Crowd:
    """Return a crowd after these many requests came together at once, one after the other."""
    crowd = Crowd()
    for count in counts:
        crowd.learn(count, 0)
    return crowd


def test_a_lone_request_never_waits() -> None:
    crowd = Crowd()
    for _ in range(3 * CROWDS_PER_PROBE):
        assert crowd.is_complete(1, 0)
        crowd.learn(1, 0)


def test_requests_wait_for_as_many_as_came_before() -> None:
    crowd = learned(5)
    assert not crowd.is_complete(4, 0)
    assert crowd.is_complete(5, 0)


def test_the_wait_is_limited() -> None:
    crowd = learned(5)
    assert not crowd.is_complete(1, MAX_WAIT_SECONDS * 0.9)
    assert crowd.is_complete(1, MAX_WAIT_SECONDS)


def test_one_small_crowd_does_not_end_the_expectation() -> None:
    crowd = learned(8)
    crowd.learn(3, MAX_WAIT_SECONDS)
    assert crowd.is_complete(4, 0)
    assert not crowd.is_complete(3, 0)


def test_callers_who_stay_away_are_soon_not_expected() -> None:
    crowd = learned(64)
    waits = 0
    while not crowd.is_complete(1, 0):
        crowd.learn(1, MAX_WAIT_SECONDS)
        waits += 1
    assert waits == 6


def test_a_crowd_that_grows_is_noticed_by_a_longer_wait() -> None:
    crowd = learned(*[2] * CROWDS_PER_PROBE)
    assert not crowd.is_complete(2, 0)
    crowd.learn(20, MAX_WAIT_SECONDS)
    assert not crowd.is_complete(19, 0)
    assert crowd.is_complete(20, 0)


def test_a_crowd_that_shrinks_is_noticed_by_a_longer_wait() -> None:
    crowd = learned(20, *[2] * (CROWDS_PER_PROBE - 1))
    crowd.learn(2, MAX_WAIT_SECONDS)
    assert crowd.is_complete(2, 0)
