"""The manifests of deploy/, as kustomize renders them, and what they say of pods."""

import argparse
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from digits_client.web.settings import Settings as WebSettings
from digits_server.settings import Settings
from tests.processes import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
FOLDERS = {path.parent.name: path.parent for path in sorted(KUBERNETES.rglob("kustomization.yaml"))}
CLIENT = {"digits-client": "true"}

Manifest = dict[str, Any]


def documents(path: Path) -> list[Manifest]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def document(path: Path) -> Manifest:
    (only,) = documents(path)
    return only


def render() -> dict[str, list[Manifest]]:
    """Return the manifests that kustomize makes from each folder, by the folder's name."""
    command = shutil.which("kubectl")
    if command is None:
        pytest.skip("kubectl is not installed, which renders the kustomizations")
    manifests = {}
    for name, folder in FOLDERS.items():
        done = subprocess.run(
            [command, "kustomize", folder], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        manifests[name] = list(yaml.safe_load_all(done.stdout))
    return manifests


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def find(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (only,) = (one for one in of_kind(manifests, kind) if one["metadata"]["name"] == name)
    return only


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Return the pod template of each workload, by the workload's name."""
    return {
        workload["metadata"]["name"]: workload["spec"]["template"]
        for workload in of_kind(manifests, "Deployment", "Job")
    }


def kserve_pod() -> Manifest:
    """Return KServe's predictor as a pod, without the fields that only KServe knows."""
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
    """Return the environment variables, with references to resources resolved."""
    return {
        entry["name"]: entry["value"]
        if "value" in entry
        else container["resources"]["requests"][
            entry["valueFrom"]["resourceFieldRef"]["resource"].removeprefix("requests.")
        ]
        for entry in container.get("env", [])
    }


def settings_of(pod: Manifest) -> Settings:
    """Return the settings that a server has with a pod's flags and environment."""
    settings: Settings = _resolve(Settings, pod)
    return settings


def web_settings_of(pod: Manifest) -> WebSettings:
    """Return the settings that a web page has with a pod's flags and environment."""
    settings: WebSettings = _resolve(WebSettings, pod)
    return settings


def _resolve(kind: Any, pod: Manifest) -> Any:
    container = pod["spec"]["containers"][0]
    parser = argparse.ArgumentParser(exit_on_error=False)
    kind.add_flags(parser)
    return kind.resolve(parser.parse_args(container.get("args", [])), variables(container))


def ports(pod: Manifest) -> dict[str, int]:
    return {
        port["name"]: port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports", [])
    }


def selects(selector: Mapping[str, str], pod: Manifest) -> bool:
    return bool(selector) and selector.items() <= pod["metadata"]["labels"].items()
