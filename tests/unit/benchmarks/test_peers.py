import pytest

from benchmarks.peers import run


def test_only_names_contenders_one_at_a_time_because_names_contain_commas() -> None:
    args = run._parse(["--only", "digits, native transport, 2 workers", "--only", "mosec"])
    assert args.only == ["digits, native transport, 2 workers", "mosec"]


def test_an_unknown_contender_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run._parse(["--only", "digits,mosec"])
    assert "invalid choice: 'digits,mosec'" in capsys.readouterr().err
