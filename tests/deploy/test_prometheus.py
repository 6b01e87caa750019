"""The alerts and the dashboard: against a real server's metrics, and in a real Prometheus."""

import contextlib
import io
import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
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
from digits_server.workers.admin import RESTARTS_METRIC
from tests.processes import PATIENCE_SECONDS, ROOT, free_port, wait_until

if TYPE_CHECKING:
    from tests.processes import ServerProcess, StartServer

DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="prometheus and promtool are not installed (Debian: prometheus)",
)
# Labels that Prometheus and its configuration add.
TARGET_LABELS = {"job", "instance", "namespace", "pod"}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def only_job(configuration: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a scrape job, and remove the others from a configuration."""
    (job,) = (one for one in configuration["scrape_configs"] if one["job_name"] == name)
    configuration["scrape_configs"] = [job]
    found: dict[str, Any] = job
    return found


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
        text: str = response.read().decode()
        return text


# Queries


def dashboard_queries() -> dict[str, str]:
    """Return the dashboard's queries, by panel and legend."""
    panels = json.loads((DEPLOY / "grafana" / "dashboards" / "digits.json").read_text("utf-8"))
    return {
        f"{panel['title']}: {target['legendFormat']}": target["expr"]
        .replace("$__rate_interval", "1m")
        .replace("$instance", ".*")
        for panel in panels["panels"]
        for target in panel["targets"]
    }


def alert_queries() -> dict[str, str]:
    (group,) = read(PROMETHEUS / "alerts.yml")["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def adapter_query(namespace: str, pod: str) -> str:
    """Return the query by which the Prometheus adapter reads the metric of a pod."""
    (rule,) = read(PROMETHEUS / "adapter.yml")["rules"]["custom"]
    query: str = rule["metricsQuery"]
    for placeholder, value in (
        ("GroupBy", "namespace, pod"),
        ("Series", rule["seriesQuery"].partition("{")[0]),
        ("LabelMatchers", f'namespace="{namespace}",pod=~"{pod}"'),
    ):
        query = query.replace(f"<<.{placeholder}>>", value)
    return query


QUERIES = dashboard_queries() | alert_queries() | {"adapter": adapter_query("n", "p")}


@dataclass
class Needs:
    """The metrics and labels that a query uses."""

    matchers: dict[str, set[str]]
    """Labels that select series, by metric."""
    groups: set[str]
    """Labels that sums are grouped by."""


def needs_of(query: str) -> Needs:
    needs = Needs({}, set())

    def visit(part: promql_parser.Expr) -> None:
        match part:
            case promql_parser.VectorSelector(name=str(name), matchers=matchers):
                needs.matchers.setdefault(name, set()).update(one.name for one in matchers.matchers)
            case promql_parser.AggregateExpr(modifier=modifier) if modifier:
                assert modifier.type == promql_parser.AggModifierType.By
                needs.groups.update(modifier.labels)

    promql_parser.walk(promql_parser.parse(query), visit)
    return needs


# Servers


class BusyServer:
    """A server that has had calls of every kind, and has a model version that it rejects."""

    def __init__(self, server: "ServerProcess") -> None:
        assert server.admin_address is not None
        self.process = server.process
        self.address = server.address
        self.admin_address = server.admin_address

    def samples(self) -> list[Sample]:
        """Return the samples on its metrics page."""
        text = get(f"http://{self.admin_address}/metrics")
        return [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def labels(self) -> dict[str, set[str]]:
        """Return the labels of each metric, by the name of its samples."""
        labels: dict[str, set[str]] = {}
        for sample in self.samples():
            labels.setdefault(sample.name, set()).update(sample.labels)
        return labels

    def has_expired_images(self) -> bool:
        """Return whether images were dropped because their deadline had passed."""
        return any(
            sample.name == "digits_dropped_images_total" and sample.labels["reason"] == "expired"
            for sample in self.samples()
        )

    def make_busy(self) -> None:
        """Make calls that succeed, fail, are rejected, and expire."""
        with grpc.insecure_channel(self.address) as channel:
            stub = pb_grpc.RecognizerServiceStub(channel)
            samples = (ROOT / "samples").rglob("*.png")
            images = [pb.Image(encoded=sample.read_bytes()) for sample in samples]
            stub.Recognize(pb.RecognizeRequest(image=images[0]))
            stub.RecognizeBatch(pb.RecognizeBatchRequest(images=images))
            self._exceed_max_streams(stub, images[0])
            self._let_images_expire(stub)

    def _exceed_max_streams(self, stub: "pb_grpc.RecognizerServiceStub", image: "pb.Image") -> None:
        """Open a second stream where only one is allowed."""
        request = pb.StreamingRecognizeRequest(sequence=1, image=image)
        requests: SimpleQueue[pb.StreamingRecognizeRequest | None] = SimpleQueue()
        requests.put(request)
        stream = stub.StreamingRecognize(iter(requests.get, None))
        next(stream)
        with pytest.raises(grpc.RpcError) as caught:
            next(stub.StreamingRecognize(iter([request])))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        stream.cancel()

    def _let_images_expire(self, stub: "pb_grpc.RecognizerServiceStub") -> None:
        """Send large images with a deadline shorter than their decoding takes."""
        large = io.BytesIO()
        Image.new("L", (4000, 4000), 255).save(large, "PNG")
        request = pb.RecognizeBatchRequest(images=[pb.Image(encoded=large.getvalue())] * 8)
        while not self.has_expired_images():
            with contextlib.suppress(grpc.RpcError):
                stub.RecognizeBatch(request, timeout=0.1)


@pytest.fixture
def busy_server(start_server: "StartServer", tmp_path: Path) -> BusyServer:
    models = tmp_path / "models"
    shutil.copytree(SHIPPED_MODELS, models)
    (models / "99").mkdir()
    server = BusyServer(
        start_server(
            *("--admin-port", "0", "--models-dir", str(models)),
            *("--max-streams", "1", "--threads", "1"),
        )
    )
    server.make_busy()
    return server


class Prometheus:
    """A running Prometheus."""

    def __init__(self, address: str) -> None:
        self._address = address

    def _get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        response = json.loads(get(f"http://{self._address}/api/v1/{path}?{query}"))
        assert response["status"] == "success"
        return response["data"]

    def query(self, query: str) -> list[dict[str, Any]]:
        """Return the series that a query finds now."""
        result: list[dict[str, Any]] = self._get("query", query=query)["result"]
        return result

    def firing(self) -> dict[str, dict[str, Any]]:
        """Return the firing alerts, by name."""
        alerts = self._get("alerts")["alerts"]
        return {
            alert["labels"]["alertname"]: alert for alert in alerts if alert["state"] == "firing"
        }


@contextlib.contextmanager
def running_prometheus(configuration: Any, rules: Any, folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus, scraping every second, until the context ends."""
    intervals = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    (folder / "prometheus.yml").write_text(yaml.safe_dump({**configuration, "global": intervals}))
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

            wait_until(is_ready)
            yield Prometheus(address)
        finally:
            process.terminate()


# Without Prometheus


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_is_valid(query: str) -> None:
    assert needs_of(query).matchers


def test_the_server_has_every_metric_and_label_that_queries_use(busy_server: BusyServer) -> None:
    labels = busy_server.labels() | {"up": set()}
    labels[f"{RESTARTS_METRIC}_total"] = {"worker", "reason"}  # of a server with workers only
    for title, query in QUERIES.items():
        needs = needs_of(query)
        assert needs.matchers.keys() <= labels.keys(), title
        for metric, matchers in needs.matchers.items():
            assert matchers <= labels[metric] | TARGET_LABELS, title
        assert needs.groups <= TARGET_LABELS.union(*(labels[name] for name in needs.matchers)), (
            title
        )


def test_the_dashboard_shows_every_documented_metric() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    shown = {
        name.removesuffix(suffix)
        for query in dashboard_queries().values()
        for name in needs_of(query).matchers
        for suffix in ("", "_bucket", "_sum", "_count")
    }
    documented = {
        line.split("`")[1].partition("{")[0] for line in text.splitlines() if "| `digits_" in line
    }
    assert documented
    assert documented <= shown


def test_prometheus_scrapes_every_address_of_a_service() -> None:
    for name, service, port in (("digits", "server", 9090), ("digits-web", "web", 8080)):
        job = only_job(read(PROMETHEUS / "prometheus.yml"), name)
        (discovery,) = job["dns_sd_configs"]
        assert (discovery["names"], discovery["type"], discovery["port"]) == ([service], "A", port)


@pytest.mark.parametrize(
    ("job", "deployment", "port"),
    [("digits", "base", "admin"), ("digits-web", "overlays/web", "http")],
)
def test_prometheus_in_kubernetes_scrapes_a_port_of_the_deployment(
    job: str, deployment: str, port: str
) -> None:
    (manifest,) = yaml.safe_load_all(
        (DEPLOY / "kubernetes" / deployment / "deployment.yaml").read_text("utf-8")
    )
    template = manifest["spec"]["template"]
    (keep,) = (
        rule
        for rule in only_job(read(PROMETHEUS / "kubernetes.yml"), job)["relabel_configs"]
        if rule.get("action") == "keep"
    )
    kept = f"{template['metadata']['labels']['app.kubernetes.io/name']}/{port}"
    assert keep["regex"] == kept
    (container,) = template["spec"]["containers"]
    assert port in {one["name"] for one in container["ports"]}


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
def test_promtool_accepts_the_files(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_alerts_fire_for_a_rejected_model_and_for_a_killed_server(
    busy_server: BusyServer, tmp_path: Path
) -> None:
    configuration = read(PROMETHEUS / "prometheus.yml")
    job = only_job(configuration, "digits")
    del job["dns_sd_configs"]  # there is no name server here
    job["static_configs"] = [{"targets": [busy_server.admin_address]}]
    rules = read(PROMETHEUS / "alerts.yml")
    down_alerts = {"DigitsServerDown", "DigitsNoServer", "DigitsNotReady"}
    for rule in rules["groups"][0]["rules"]:
        # A scrape may time out on a busy machine, but not all of them for ten seconds.
        rule["for"] = "10s" if rule["alert"] in down_alerts else "1s"
    with running_prometheus(configuration, rules, tmp_path) as prometheus:
        wait_until(lambda: "DigitsModelRejected" in prometheus.firing())
        alerts = prometheus.firing()
        assert alerts["DigitsModelRejected"]["annotations"]["summary"] == (
            f"{busy_server.admin_address} rejects 1 model version(s)"
        )
        assert not down_alerts & alerts.keys()
        busy_server.process.kill()
        wait_until(lambda: {"DigitsServerDown", "DigitsNoServer"} <= prometheus.firing().keys())
        alert = prometheus.firing()["DigitsServerDown"]
        assert alert["labels"]["instance"] == busy_server.admin_address


@needs_prometheus
def test_prometheus_in_kubernetes_feeds_the_dashboard_and_the_adapter(
    busy_server: BusyServer, tmp_path: Path
) -> None:
    (deployment,) = yaml.safe_load_all(
        (DEPLOY / "kubernetes" / "base" / "deployment.yaml").read_text("utf-8")
    )
    template = deployment["spec"]["template"]
    configuration = read(PROMETHEUS / "kubernetes.yml")
    job = only_job(configuration, "digits")
    # The labels that discovery gives each port of a pod; some builds of Prometheus have none.
    del job["kubernetes_sd_configs"]
    addresses = {"admin": busy_server.admin_address, "grpc": busy_server.address}
    job["static_configs"] = [
        {
            "targets": [addresses[port["name"]]],
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
    with running_prometheus(configuration, {"groups": []}, tmp_path) as prometheus:
        wait_until(lambda: prometheus.query("count_over_time(digits_ready[1m]) >= 3"))
        assert [series["metric"]["instance"] for series in prometheus.query("up")] == [
            busy_server.admin_address
        ]
        for title, query in dashboard_queries().items():
            assert prometheus.query(query), title
        (images,) = prometheus.query(adapter_query("digits", "digits-server-1|digits-server-2"))
        assert images["metric"] == {"namespace": "digits", "pod": "digits-server-1"}
