"""The alerts and the dashboard: on what a real server shows, and in a real Prometheus."""

import contextlib
import io
import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import grpc
import promql_parser
import pytest
import yaml
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.settings import SHIPPED_MODELS

if TYPE_CHECKING:
    from tests.commands.conftest import ServerProcess, Start

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
PATIENCE_SECONDS = 60
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="prometheus and promtool are not here; on Debian: apt-get install prometheus",
)
# What Prometheus and its configuration add to the labels of a metric.
OF_TARGETS = {"job", "instance", "namespace", "pod"}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
        text: str = answer.read().decode()
        return text


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.1)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


# What is asked


def queries_of_dashboard() -> dict[str, str]:
    """Return the dashboard's queries, by the panel and the name of what is drawn."""
    panels = json.loads((DEPLOY / "grafana" / "dashboards" / "digits.json").read_text("utf-8"))
    return {
        f"{panel['title']}: {target['legendFormat']}": target["expr"]
        .replace("$__rate_interval", "1m")
        .replace("$instance", ".*")
        for panel in panels["panels"]
        for target in panel["targets"]
    }


def queries_of_alerts() -> dict[str, str]:
    (group,) = read(PROMETHEUS / "alerts.yml")["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def query_of_adapter(namespace: str, pod: str) -> str:
    """Return what the adapter asks of one pod."""
    (rule,) = read(PROMETHEUS / "adapter.yml")["rules"]["custom"]
    query: str = rule["metricsQuery"]
    for placeholder, value in (
        ("GroupBy", "namespace, pod"),
        ("Series", rule["seriesQuery"].partition("{")[0]),
        ("LabelMatchers", f'namespace="{namespace}",pod=~"{pod}"'),
    ):
        query = query.replace(f"<<.{placeholder}>>", value)
    return query


QUERIES = queries_of_dashboard() | queries_of_alerts() | {"adapter": query_of_adapter("n", "p")}


@dataclass
class Asked:
    """What a query needs to find."""

    matchers: dict[str, set[str]]
    """The labels that each metric is selected by."""
    groups: set[str]
    """Those that sums are made by."""


def asked(query: str) -> Asked:
    found = Asked({}, set())

    def visit(part: promql_parser.Expr) -> None:
        match part:
            case promql_parser.VectorSelector(name=str(name), matchers=matchers):
                found.matchers.setdefault(name, set()).update(one.name for one in matchers.matchers)
            case promql_parser.AggregateExpr(modifier=modifier) if modifier:
                assert modifier.type == promql_parser.AggModifierType.By
                found.groups.update(modifier.labels)

    promql_parser.walk(promql_parser.parse(query), visit)
    return found


# What there is


class BusyServer:
    """A server that has had traffic of every kind, and cannot load one of its models."""

    def __init__(self, process: "ServerProcess", admin_port: int) -> None:
        self.process = process.process
        self.address = process.address
        self.admin = f"127.0.0.1:{admin_port}"

    def samples(self) -> list[Sample]:
        """Return what it shows."""
        text = get(f"http://{self.admin}/metrics")
        return [one for family in text_string_to_metric_families(text) for one in family.samples]

    def labels(self) -> dict[str, set[str]]:
        """Return the labels of each metric, by its name in samples."""
        found: dict[str, set[str]] = {}
        for sample in self.samples():
            found.setdefault(sample.name, set()).update(sample.labels)
        return found

    def has_expired(self) -> bool:
        """Return whether images have been dropped since their time was over."""
        return any(
            sample.name == "digits_dropped_images_total" and sample.labels["reason"] == "expired"
            for sample in self.samples()
        )

    def be_busy(self) -> None:
        """Answer, refuse, turn away and drop."""
        with grpc.insecure_channel(self.address) as channel:
            stub = pb_grpc.RecognizerServiceStub(channel)
            samples = (ROOT / "samples").rglob("*.png")
            images = [pb.Image(encoded=sample.read_bytes()) for sample in samples]
            stub.Recognize(pb.RecognizeRequest(image=images[0]))
            stub.RecognizeBatch(pb.RecognizeBatchRequest(images=images))
            self._stream_twice(stub, images[0])
            self._expire(stub)

    def _stream_twice(self, stub: "pb_grpc.RecognizerServiceStub", image: "pb.Image") -> None:
        """Begin a second drawing, where only one may be drawn at once."""
        sheet = pb.StreamingRecognizeRequest(sequence=1, image=image)
        sheets: SimpleQueue[pb.StreamingRecognizeRequest | None] = SimpleQueue()
        sheets.put(sheet)
        drawing = stub.StreamingRecognize(iter(sheets.get, None))
        next(drawing)
        with pytest.raises(grpc.RpcError) as caught:
            next(stub.StreamingRecognize(iter([sheet])))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        drawing.cancel()

    def _expire(self, stub: "pb_grpc.RecognizerServiceStub") -> None:
        """Ask for large images with less time than they take."""
        large = io.BytesIO()
        Image.new("L", (4000, 4000), 255).save(large, "PNG")
        request = pb.RecognizeBatchRequest(images=[pb.Image(encoded=large.getvalue())] * 8)
        while not self.has_expired():
            with contextlib.suppress(grpc.RpcError):
                stub.RecognizeBatch(request, timeout=0.1)


@pytest.fixture
def busy_server(start: "Start", tmp_path: Path) -> BusyServer:
    models = tmp_path / "models"
    shutil.copytree(SHIPPED_MODELS, models)
    (models / "99").mkdir()
    port = free_port()
    process = start(
        *("--admin-port", str(port), "--models-dir", str(models)),
        *("--max-streams", "1", "--threads", "1"),
    )
    server = BusyServer(process, port)
    server.be_busy()
    return server


class Prometheus:
    """A Prometheus of our own that has begun."""

    def __init__(self, address: str) -> None:
        self._address = address

    def _get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        answer = json.loads(get(f"http://{self._address}/api/v1/{path}?{query}"))
        assert answer["status"] == "success"
        return answer["data"]

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Return the series that a query finds now."""
        result: list[dict[str, Any]] = self._get("query", query=query)["result"]
        return result

    def firing(self) -> dict[str, dict[str, Any]]:
        """Return the alerts that fire, by their names."""
        alerts = self._get("alerts")["alerts"]
        return {one["labels"]["alertname"]: one for one in alerts if one["state"] == "firing"}


@contextlib.contextmanager
def prometheus(configuration: Any, rules: Any, folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus with intervals of a second, for as long as the context lasts."""
    every = {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    (folder / "prometheus.yml").write_text(yaml.safe_dump({**configuration, "global": every}))
    (folder / "alerts.yml").write_text(yaml.safe_dump(rules))
    address = f"127.0.0.1:{free_port()}"
    command = [
        *("prometheus", f"--config.file={folder / 'prometheus.yml'}"),
        *(f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"),
        "--log.level=warn",
    ]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log) as process:
        try:

            def is_ready() -> bool:
                assert process.poll() is None, (folder / "log").read_text()
                with contextlib.suppress(OSError):
                    return bool(get(f"http://{address}/-/ready"))
                return False

            until(is_ready)
            yield Prometheus(address)
        finally:
            process.terminate()


# Without Prometheus


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_is_one(query: str) -> None:
    assert asked(query).matchers


def test_each_metric_and_label_that_is_asked_for_is_there(busy_server: BusyServer) -> None:
    there = busy_server.labels() | {"up": set()}
    for title, query in QUERIES.items():
        needs = asked(query)
        assert needs.matchers.keys() <= there.keys(), title
        for metric, labels in needs.matchers.items():
            assert labels <= there[metric] | OF_TARGETS, title
        assert needs.groups <= OF_TARGETS.union(*(there[name] for name in needs.matchers)), title


def test_each_metric_of_the_server_is_drawn() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    drawn = {
        name.removesuffix(ending)
        for query in queries_of_dashboard().values()
        for name in asked(query).matchers
        for ending in ("", "_bucket", "_sum", "_count")
    }
    told = {
        line.split("`")[1].partition("{")[0] for line in text.splitlines() if "| `digits_" in line
    }
    assert told
    assert told <= drawn


def test_prometheus_asks_every_address_of_the_name() -> None:
    (job,) = read(PROMETHEUS / "prometheus.yml")["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert (found["names"], found["type"], found["port"]) == (["server"], "A", 9090)


# With Prometheus


@needs_prometheus
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing_wrong(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_alerts_fire_for_a_bad_model_and_for_a_killed_server(
    busy_server: BusyServer, tmp_path: Path
) -> None:
    configuration = read(PROMETHEUS / "prometheus.yml")
    (job,) = configuration["scrape_configs"]
    del job["dns_sd_configs"]  # it asks a name server
    job["static_configs"] = [{"targets": [busy_server.admin]}]
    rules = read(PROMETHEUS / "alerts.yml")
    for rule in rules["groups"][0]["rules"]:
        rule["for"] = "2s"
    with prometheus(configuration, rules, tmp_path) as running:
        until(lambda: "DigitsModelRejected" in running.firing())
        rejected = running.firing()["DigitsModelRejected"]
        assert rejected["annotations"]["summary"] == (
            f"{busy_server.admin} has 1 model versions that it cannot serve"
        )
        assert (
            not {"DigitsServerDown", "DigitsNoServer", "DigitsNotReady"} & running.firing().keys()
        )
        busy_server.process.kill()
        until(lambda: {"DigitsServerDown", "DigitsNoServer"} <= running.firing().keys())
        down = running.firing()["DigitsServerDown"]
        assert down["labels"]["instance"] == busy_server.admin


@needs_prometheus
def test_a_prometheus_in_kubernetes_fills_the_dashboard_and_tells_the_adapter(
    busy_server: BusyServer, tmp_path: Path
) -> None:
    (deployment,) = yaml.safe_load_all(
        (DEPLOY / "kubernetes" / "base" / "deployment.yaml").read_text("utf-8")
    )
    template = deployment["spec"]["template"]
    configuration = read(PROMETHEUS / "kubernetes.yml")
    (job,) = configuration["scrape_configs"]
    # What Kubernetes would tell of each port of the pod; not every build of Prometheus asks it.
    del job["kubernetes_sd_configs"]
    job["static_configs"] = [
        {
            "targets": [busy_server.admin if port["name"] == "admin" else busy_server.address],
            "labels": {
                "__meta_kubernetes_pod_label_app_kubernetes_io_name": template["metadata"][
                    "labels"
                ]["app.kubernetes.io/name"],
                "__meta_kubernetes_pod_container_port_name": port["name"],
                "__meta_kubernetes_namespace": "digits",
                "__meta_kubernetes_pod_name": "digits-server-1",
            },
        }
        for port in template["spec"]["containers"][0]["ports"]
    ]
    with prometheus(configuration, {"groups": []}, tmp_path) as running:
        until(lambda: bool(running.ask("count_over_time(digits_ready[1m]) >= 3")))
        assert [one["metric"]["instance"] for one in running.ask("up")] == [busy_server.admin]
        for title, query in queries_of_dashboard().items():
            assert running.ask(query), title
        (images,) = running.ask(query_of_adapter("digits", "digits-server-1|digits-server-2"))
        assert images["metric"] == {"namespace": "digits", "pod": "digits-server-1"}
