"""What can be said on the command line, and what cannot be meant."""

from pathlib import Path

import pytest

from digits_client.bench.calls import Kind
from digits_client.bench.image_kinds import Drawn
from digits_client.bench.options import parse
from digits_client.bench.schedule import Arrivals
from digits_client.cli.server_options import ServerOptions


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITS_SERVER", raising=False)


def test_without_options_callers_wait_for_answers_of_a_private_server() -> None:
    options = parse([])
    assert (options.server, options.kind, options.callers) == (None, Kind.UNARY, 16)
    assert (options.rate, options.drawn, options.images_a_call) == (None, Drawn.RAW28, 1)
    assert (options.repeats.least, options.repeats.most) == (3, 10)


def test_a_rate_makes_an_open_loop_by_chance_unless_told_otherwise() -> None:
    options = parse(["--rate", "50", "--server", "a:1"])
    assert (options.callers, options.rate, options.arrivals) == (0, 50, Arrivals.POISSON)
    assert options.server == ServerOptions("a:1")
    assert parse(["--rate", "5", "--arrivals", "constant"]).arrivals is Arrivals.CONSTANT


def test_streams_have_a_rate_each_and_are_even() -> None:
    options = parse(["--kind", "stream"])
    assert (options.callers, options.rate, options.arrivals) == (4, 30, Arrivals.CONSTANT)
    options = parse(["--kind", "stream", "--concurrency", "8", "--rate", "60"])
    assert (options.callers, options.rate) == (8, 60)


def test_batches_have_64_images_unless_told_otherwise() -> None:
    assert parse(["--kind", "batch"]).images_a_call == 64
    assert parse(["--kind", "batch", "--images", "5"]).images_a_call == 5


def test_there_are_not_more_processes_than_callers() -> None:
    assert parse(["--concurrency", "1", "--processes", "4"]).processes == 1
    assert parse(["--rate", "1", "--processes", "4"]).processes == 4


@pytest.mark.parametrize(("said", "meant"), [("4", (4, 4)), ("2..9", (2, 9)), ("1..1", (1, 1))])
def test_repeats_are_a_number_or_a_range(said: str, meant: tuple[int, int]) -> None:
    repeats = parse(["--repeats", said]).repeats
    assert (repeats.least, repeats.most) == meant


def test_how_long_it_takes_at_most_is_known() -> None:
    said = "--warmup 1 --seconds 3 --repeats 2..4 --timeout 5"
    assert parse(said.split()).longest_seconds == 1 + 4 * 3 + 2 * 5


@pytest.mark.parametrize(
    "said",
    [
        "--rate 5 --concurrency 5",
        "--arrivals poisson",
        "--images 5",
        "--kind noop --image raw28",
        "--image png28 --folder .",
        "--folder missing",
        "--repeats 5..3",
        "--repeats 0",
        "--repeats x",
        "--seconds 0",
        "--rate -1",
        "--rate nan",
        "--max-errors 1.5",
        "--concurrency 1.5",
        "--json missing/a.json",
        "--plot .",
        "--tls-ca ca.pem",
        "more",
    ],
)
def test_what_cannot_be_meant_ends_with_2(said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(said.split())
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: digits-bench")


def test_the_settings_tell_runs_apart_but_hold_no_paths_of_keys(tmp_path: Path) -> None:
    server = ["--server", "a:1", "--tls-ca", "ca.pem", "--token-file", "token"]
    one, other = parse([*server, "--rate", "5"]).settings, parse(["--rate", "6"]).settings
    differing = {name for name in one if one[name] != other[name]}
    assert differing == {"rate", "has_tls"}
    assert "token" not in str(one)
