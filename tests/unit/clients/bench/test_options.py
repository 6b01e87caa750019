"""The command line: defaults, combinations, and wrong usage."""

from pathlib import Path

import pytest

from digits_client.bench.image_kinds import ImageKind
from digits_client.bench.options import parse
from digits_client.bench.schedule import Arrivals
from digits_client.bench.workload import CallKind, Workload
from digits_client.cli.server_options import ServerOptions


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITS_SERVER", raising=False)


def workload_of(arguments: str) -> Workload:
    return parse(arguments.split()).workload


def test_the_default_is_a_closed_loop_on_a_private_server() -> None:
    assert parse([]).server is None
    workload = workload_of("")
    assert (workload.kind, workload.callers, workload.rate) == (CallKind.UNARY, 16, None)
    assert (workload.images, workload.batch_size) == (ImageKind.RAW28, 1)
    assert not workload.is_open_loop
    assert (workload.repeats.min_count, workload.repeats.max_count) == (3, 10)


def test_a_rate_makes_an_open_loop_with_poisson_arrivals_by_default() -> None:
    options = parse(["--rate", "50", "--server", "a:1"])
    assert options.server == ServerOptions("a:1")
    assert options.workload.is_open_loop
    assert (options.workload.rate, options.workload.arrivals) == (50, Arrivals.POISSON)
    assert options.workload.settings["concurrency"] is None
    assert workload_of("--rate 5 --arrivals constant").arrivals is Arrivals.CONSTANT


def test_streams_draw_at_a_constant_rate_each() -> None:
    workload = workload_of("--kind stream")
    assert (workload.callers, workload.rate) == (4, 30)
    assert (workload.arrivals, workload.is_open_loop) == (Arrivals.CONSTANT, False)
    workload = workload_of("--kind stream --concurrency 8 --rate 60")
    assert (workload.callers, workload.rate) == (8, 60)


def test_batches_have_64_images_by_default() -> None:
    assert workload_of("--kind batch").batch_size == 64
    assert workload_of("--kind batch --images 5").batch_size == 5


def test_there_are_no_more_processes_than_callers() -> None:
    assert workload_of("--concurrency 1 --processes 4").processes == 1
    assert workload_of("--rate 1 --processes 4").processes == 4


@pytest.mark.parametrize(("text", "counts"), [("4", (4, 4)), ("2..9", (2, 9)), ("1..1", (1, 1))])
def test_repeats_are_a_number_or_a_range(text: str, counts: tuple[int, int]) -> None:
    repeats = parse(["--repeats", text]).workload.repeats
    assert (repeats.min_count, repeats.max_count) == counts


def test_the_maximum_duration_is_known_in_advance() -> None:
    workload = workload_of("--warmup 1 --seconds 3 --repeats 2..4 --timeout 5")
    assert workload.max_seconds == 1 + 4 * 3 + 2 * 5


@pytest.mark.parametrize(
    "arguments",
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
def test_wrong_usage_exits_2(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments.split())
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("digits-bench: error: ")
    assert error.count("\n") == 1


def test_a_description_names_the_load() -> None:
    assert str(workload_of("--processes 1")) == "unary, raw28: closed loop of 16; processes: 1"
    assert str(workload_of("--kind batch --rate 5 --processes 1 --folder .")) == (
        "batches of 64, .: open loop with 5 per second, poisson; processes: 1"
    )
    assert str(workload_of("--kind stream --processes 2")) == (
        "streams, raw28: 4 with 30 per second, constant; processes: 2"
    )


def test_the_settings_differ_where_the_workloads_do(tmp_path: Path) -> None:
    one, other = workload_of("--rate 5").settings, workload_of("--rate 6").settings
    assert {name for name in one if one[name] != other[name]} == {"rate"}
