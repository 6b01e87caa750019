import pytest

from benchmarks.peers import run
from benchmarks.peers.comparison import compare
from benchmarks.peers.contenders import contenders
from benchmarks.peers.rounds import Round


def make_round(calls_per_second: float, batch_images_per_second: float = 1.0) -> Round:
    return Round(
        ready_seconds=1.0,
        calls_per_second=calls_per_second,
        saturated_p99_ms=1.0,
        alone_p50_ms=1.0,
        rate_calls_per_second=100.0,
        rate_p50_ms=1.0,
        rate_p99_ms=1.0,
        batch_images_per_second=batch_images_per_second,
        memory_mb=1.0,
    )


def test_only_names_contenders_by_plain_keys() -> None:
    args = run._parse(["--only", "digits", "digits-2-workers", "--only", "mosec"])
    assert args.only == ["digits", "digits-2-workers", "mosec"]
    assert all(contender.key.replace("-", "_").isidentifier() for contender in contenders())


def test_an_unknown_contender_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run._parse(["--only", "digits,mosec"])
    assert "invalid choice: 'digits,mosec'" in capsys.readouterr().err


def test_the_help_lists_the_contenders(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        run._parse(["--help"])
    text = capsys.readouterr().out
    assert all(contender.key in text for contender in contenders())


def test_ratios_are_those_of_rounds_in_which_both_succeeded() -> None:
    [figure] = compare(
        {
            "digits-2-workers": {1: make_round(30), 2: make_round(20), 3: make_round(10)},
            "pytriton": {1: make_round(10), 3: make_round(20)},
            "mlserver": {},
        }
    )
    assert list(figure.values) == [3.0, 0.5]
    assert figure.at_least == 1.5


def test_batches_are_compared_with_the_fastest_peer_of_each_round() -> None:
    [figure] = compare(
        {
            "digits": {1: make_round(1, 6), 2: make_round(1, 6)},
            "bentoml": {1: make_round(1, 3), 2: make_round(1, 4)},
            "litserve": {1: make_round(1, 2), 2: make_round(1, 12)},
        }
    )
    assert list(figure.values) == [2.0, 0.5]
