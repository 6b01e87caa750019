"""Result files, and comparisons with them."""

import json
from pathlib import Path
from typing import Any

import pytest

from digits_client.bench import result_file
from digits_client.bench.compare import compare
from digits_client.bench.result import Result
from digits_client.bench.result_file import Baseline, ResultFileError
from digits_client.cli.server_options import ServerOptions

from .made_results import recording, result


def write(path: Path, made: Result) -> dict[str, Any]:
    result_file.write(path, made)
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_a_file_has_settings_machine_versions_repeats_and_histogram(tmp_path: Path) -> None:
    repeats = recording(10), recording(100, INTERNAL=4), recording(101)
    content = write(tmp_path / "a.json", result(*repeats, arguments="--rate 50"))
    assert content["settings"]["rate"] == 50
    assert content["server"] == {
        "address": "10.0.0.7:1",
        "model_version": "4",
        "model_precision": "int8",
    }
    assert content["machine"]["cores"] >= 1
    assert {"python", "digits", "grpcio", "numpy"} <= content["versions"].keys()
    assert [repeat["is_counted"] for repeat in content["repeats"]] == [False, True, True]
    assert content["repeats"][1]["errors"] == content["result"]["errors"] == {"INTERNAL": 4}
    assert content["result"]["goodput_per_second"] == 201 / 4
    assert content["result"]["cpu_utilization"] == 0.25
    assert content["calls_by_status"] == {"OK": 201, "INTERNAL": 4}
    assert sum(content["histogram"]["counts"].values()) == 201
    assert (content["is_stable"], content["is_interrupted"]) == (True, False)


def test_the_settings_show_whether_there_is_tls_but_no_paths_of_keys() -> None:
    server = ServerOptions("a:1", tls_ca="ca.pem", token_file="token")
    with_tls = result_file.settings(result(recording(), server=server))
    without = result_file.settings(result(recording()))
    assert {name for name in without if without[name] != with_tls[name]} == {"has_tls"}
    assert "ca.pem" not in str(with_tls)
    assert "token" not in str(with_tls)


def test_a_baseline_without_a_precision_is_of_a_server_in_float32(tmp_path: Path) -> None:
    content = write(tmp_path / "a.json", result(recording(100), recording(101)))
    assert Baseline.read(tmp_path / "a.json").model_precision == "int8"
    del content["server"]["model_precision"]
    (tmp_path / "a.json").write_text(json.dumps(content))
    baseline = Baseline.read(tmp_path / "a.json")
    assert baseline.model_precision == "float32"
    lines = compare(baseline, result(recording(100), recording(101)))
    assert "different precision: float32 before, int8 now" in lines


def test_a_baseline_equals_the_result_that_was_written(tmp_path: Path) -> None:
    made = result(recording(100), recording(101))
    write(tmp_path / "a.json", made)
    baseline = Baseline.read(tmp_path / "a.json")
    assert baseline.figures == made.figures
    assert baseline.latency.percentile(0.9) == made.recording.latency.percentile(0.9)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "digits-bench/0"}', '"text"'])
def test_other_files_are_not_accepted_as_a_baseline(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ResultFileError, match=r"a\.json"):
        Baseline.read(tmp_path / "a.json")
    with pytest.raises(ResultFileError, match=r"cannot read .*missing\.json: No such file"):
        Baseline.read(tmp_path / "missing.json")


def test_a_file_of_another_version_is_reported_as_such(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"format": "digits-bench/1"}')
    with pytest.raises(ResultFileError, match="has the format digits-bench/1, not digits-bench/2"):
        Baseline.read(tmp_path / "a.json")


def test_a_comparison_has_ratios_and_names_the_settings_that_differ(tmp_path: Path) -> None:
    write(tmp_path / "a.json", result(recording(100, 0.020), arguments="--seconds 9"))
    baseline = Baseline.read(tmp_path / "a.json")
    lines = compare(baseline, result(recording(200, 0.010)))
    ratios = {line.split("  ")[0]: line.split()[-1] for line in lines if " x " in line}
    assert ratios["goodput/s"] == ratios["images/s"] == "2.00"
    assert float(ratios["p50 ms"]) == pytest.approx(0.5, abs=0.02)
    assert "different seconds: 9.0 before, 5.0 now" in lines
    assert not any("different kind" in line for line in lines)


def test_a_comparison_names_the_result_that_was_not_stable(tmp_path: Path) -> None:
    stable, unstable = result(recording(100), recording(100)), result(recording(10), recording(90))
    write(tmp_path / "a.json", unstable)
    lines = compare(Baseline.read(tmp_path / "a.json"), stable)
    assert [line for line in lines if "not stable" in line] == [
        "the throughput before was not stable, so the ratios are unreliable"
    ]


def test_a_missing_figure_has_no_ratio(tmp_path: Path) -> None:
    write(tmp_path / "a.json", result(recording(0, INTERNAL=5)))
    lines = compare(Baseline.read(tmp_path / "a.json"), result(recording(5)))
    (p50,) = (line for line in lines if line.startswith("p50"))
    assert p50.split()[2] == p50.split()[4] == "-"


def test_a_processor_is_described_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_file, "_CPU_INFO", Path("/nowhere"))
    monkeypatch.setattr("platform.processor", lambda: "arm")
    assert result_file._cpu_model() == "arm"
