"""Admission by the images, bytes and streams in flight and by the expected wait."""

import pytest

from digits_server.errors import OverloadedError
from digits_server.inference.admission import MIN_RETRY_SECONDS, Admission, AdmissionLimits
from digits_server.ops.metrics import Metrics


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def admission(metrics: Metrics) -> Admission:
    return Admission(
        AdmissionLimits(image_count=4, byte_count=1000, stream_count=2, wait_seconds=3600), metrics
    )


def is_full(admission: Admission) -> bool:
    try:
        admission.check()
    except OverloadedError:
        return True
    return False


def slow_admission(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch, wait_seconds: float
) -> Admission:
    """Return an admission that has measured 0.1 s per image."""
    now = 100.0
    monkeypatch.setattr("digits_server.inference.admission.time.perf_counter", lambda: now)
    admission = Admission(AdmissionLimits(1000, 10**6, 1, wait_seconds), metrics)
    for _ in range(2000):
        with admission.admit(1, 1):
            now += 0.1
    return admission


def test_a_request_above_the_image_limit_is_rejected_with_a_delay_for_the_retry(
    admission: Admission,
) -> None:
    with admission.admit(3, 10):
        assert not is_full(admission)
        with (
            pytest.raises(
                OverloadedError, match=r"3 images are in flight; the limit is 4; .* s$"
            ) as error,
            admission.admit(2, 10),
        ):
            pass
        assert error.value.retry_after_seconds >= MIN_RETRY_SECONDS
        with admission.admit(1, 10):
            assert is_full(admission)
    assert not is_full(admission)
    with admission.admit(4, 10):
        pass


def test_bytes_are_limited_too(admission: Admission, metrics: Metrics) -> None:
    with (
        admission.admit(1, 990),
        pytest.raises(
            OverloadedError, match="990 bytes of images are in flight; the limit is 1000"
        ),
        admission.admit(1, 11),
    ):
        pass
    assert metrics.registry.get_sample_value("digits_shed_requests_total", {"limit": "bytes"}) == 1


def test_a_request_above_the_limits_is_admitted_when_nothing_is_in_flight(
    admission: Admission,
) -> None:
    with (
        admission.admit(100, 10**6, remaining_seconds=0),
        pytest.raises(OverloadedError),
        admission.admit(1, 1),
    ):
        pass


def test_a_failed_request_is_no_longer_in_flight(admission: Admission, metrics: Metrics) -> None:
    with pytest.raises(RuntimeError), admission.admit(4, 1000):
        raise RuntimeError
    assert metrics.registry.get_sample_value("digits_images_in_hand") == 0


def test_the_number_of_open_streams_is_limited(admission: Admission) -> None:
    with (
        admission.admit_stream(),
        admission.admit_stream(),
        pytest.raises(OverloadedError, match="2 streams are open; the limit is 2"),
        admission.admit_stream(),
    ):
        pass
    with admission.admit_stream():
        pass


def test_a_request_is_rejected_when_the_expected_wait_exceeds_the_limit(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = slow_admission(metrics, monkeypatch, wait_seconds=1.0)
    with admission.admit(9, 9):
        assert not is_full(admission)
        with admission.admit(2, 2):
            assert is_full(admission)
            with (
                pytest.raises(
                    OverloadedError, match=r"estimated wait of 1\.1 s exceeds the 1 s"
                ) as caught,
                admission.admit(1, 1),
            ):
                pass
            assert caught.value.retry_after_seconds == pytest.approx(1.1, rel=0.02)
    # One for the request, one for each check of a full server.
    assert metrics.registry.get_sample_value("digits_shed_requests_total", {"limit": "wait"}) == 2


def test_a_request_is_rejected_when_it_would_finish_after_its_deadline(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = slow_admission(metrics, monkeypatch, wait_seconds=10)
    with admission.admit(9, 9):
        with admission.admit(1, 1, remaining_seconds=1.01):
            pass
        with (
            pytest.raises(
                OverloadedError,
                match=r"wait of 0\.9 s leaves no time before the deadline, which is 0\.99 s",
            ) as caught,
            admission.admit(1, 1, remaining_seconds=0.99),
        ):
            pass
        assert caught.value.retry_after_seconds == pytest.approx(0.9, rel=0.02)
        with pytest.raises(OverloadedError, match="deadline"):
            admission.check(remaining_seconds=0.5)
    rejected = metrics.registry.get_sample_value(
        "digits_shed_requests_total", {"limit": "deadline"}
    )
    assert rejected == 2


def test_plain_images_do_not_wait_for_images_that_are_decoded_elsewhere(
    admission: Admission, metrics: Metrics
) -> None:
    with admission.admit(4, 10, is_plain=False):
        assert not is_full(admission)
        with pytest.raises(OverloadedError), admission.admit(1, 1, is_plain=False):
            pass
        with admission.admit(4, 10):
            assert is_full(admission)
            assert metrics.registry.get_sample_value("digits_images_in_hand") == 8
