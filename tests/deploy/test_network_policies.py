"""The NetworkPolicies allow exactly the connections that are needed."""

import pytest

from tests.deploy.manifests import CLIENT, Manifest, of_kind, pods, ports
from tests.deploy.network_policies import Peer, is_allowed

CLIENT_ELSEWHERE = Peer("shop", CLIENT)
STRANGER = Peer("shop", {"app": "shop"})
STRANGER_HERE = Peer("digits", {"app": "debug"})
PROMETHEUS = Peer("monitoring", {"app.kubernetes.io/name": "prometheus"})
DNS = Peer("kube-system", {"k8s-app": "kube-dns"})
COLLECTOR = Peer("observability", {"app": "otel-collector"})
OUTSIDE = Peer("")

SERVER_FOLDERS = ("base", "models", "tls", "mtls", "envoy", "otlp", "web")


def policies(manifests: list[Manifest]) -> list[Manifest]:
    return of_kind(manifests, "NetworkPolicy")


def peer(manifests: list[Manifest], workload: str) -> Peer:
    """Return the pods of a workload."""
    pod = pods(manifests)[workload]
    return Peer("digits", pod["metadata"]["labels"], ports(pod))


@pytest.mark.parametrize("name", SERVER_FOLDERS)
def test_only_clients_and_prometheus_reach_the_server(
    name: str, rendered: dict[str, list[Manifest]]
) -> None:
    rules, server = policies(rendered[name]), peer(rendered[name], "digits-server")
    sources = {
        "client": CLIENT_ELSEWHERE,
        "batch": peer(rendered["batch"], "digits-batch"),
        "envoy": peer(rendered["envoy"], "digits-envoy"),
        "web": peer(rendered["web"], "digits-web"),
        "prometheus": PROMETHEUS,
        "stranger": STRANGER,
        "stranger here": STRANGER_HERE,
        "another server": server,
    }
    allowed = {
        (source, port)
        for source in sources
        for port in (50051, 9090, 22)
        if is_allowed(rules, sources[source], server, port)
    }
    assert allowed == {
        *((client, 50051) for client in ("client", "batch", "envoy", "web")),
        ("prometheus", 9090),
    }


@pytest.mark.parametrize("name", SERVER_FOLDERS)
def test_the_server_connects_to_nothing_except_the_collector(
    name: str, rendered: dict[str, list[Manifest]]
) -> None:
    rules, server = policies(rendered[name]), peer(rendered[name], "digits-server")
    targets = {
        ("collector", 4317, "TCP"): COLLECTOR,
        ("collector", 22, "TCP"): COLLECTOR,
        ("DNS", 53, "UDP"): DNS,
        ("DNS", 53, "TCP"): DNS,
        ("DNS", 443, "TCP"): DNS,
        ("outside", 443, "TCP"): OUTSIDE,
        ("outside", 4317, "TCP"): OUTSIDE,
        ("stranger", 80, "TCP"): STRANGER,
    }
    allowed = {
        one for one, target in targets.items() if is_allowed(rules, server, target, *one[1:])
    }
    exported = {("collector", 4317, "TCP"), ("DNS", 53, "UDP"), ("DNS", 53, "TCP")}
    assert allowed == (exported if name == "otlp" else set())


@pytest.mark.parametrize("folder", ["batch", "envoy", "web"])
def test_a_client_in_the_namespace_reaches_servers_and_dns_only(
    folder: str, rendered: dict[str, list[Manifest]]
) -> None:
    # The batch job runs in the namespace of the base, whose policies hold for it.
    rules = policies(rendered["base"])
    client = peer(rendered[folder], f"digits-{folder}")
    server = peer(rendered["base"], "digits-server")
    assert is_allowed(rules, client, server, 50051)
    assert is_allowed(rules, client, DNS, 53, "UDP")
    assert is_allowed(rules, client, DNS, 53, "TCP")
    for target, port in ((server, 9090), (DNS, 443), (OUTSIDE, 443), (OUTSIDE, 53), (STRANGER, 80)):
        assert not is_allowed(rules, client, target, port)


def test_only_clients_reach_envoy(rendered: dict[str, list[Manifest]]) -> None:
    rules, envoy = policies(rendered["envoy"]), peer(rendered["envoy"], "digits-envoy")
    assert is_allowed(rules, CLIENT_ELSEWHERE, envoy, 50051)
    assert is_allowed(rules, peer(rendered["batch"], "digits-batch"), envoy, 50051)
    for source in (STRANGER, STRANGER_HERE, PROMETHEUS):
        assert not is_allowed(rules, source, envoy, 50051)


def test_only_labeled_namespaces_and_prometheus_reach_the_web_page(
    rendered: dict[str, list[Manifest]],
) -> None:
    rules, web = policies(rendered["web"]), peer(rendered["web"], "digits-web")
    (rule,) = (one for one in rules if one["metadata"]["name"] == "digits-web")
    (labels,) = (
        one["namespaceSelector"]["matchLabels"]
        for one in rule["spec"]["ingress"][0]["from"]
        if "kubernetes.io/metadata.name" not in one["namespaceSelector"]["matchLabels"]
    )
    for namespace, allowed in ((labels, True), ({}, False)):
        ingress = Peer("ingress-nginx", {}, {}, namespace)
        assert is_allowed(rules, ingress, web, 8080) is allowed
        assert not is_allowed(rules, ingress, web, 50051)
    assert is_allowed(rules, PROMETHEUS, web, 8080)
    for source in (STRANGER, STRANGER_HERE, CLIENT_ELSEWHERE, OUTSIDE):
        assert not is_allowed(rules, source, web, 8080)


def test_any_other_pod_of_the_namespace_is_cut_off(rendered: dict[str, list[Manifest]]) -> None:
    rules = policies(rendered["base"])
    for other in (CLIENT_ELSEWHERE, STRANGER, STRANGER_HERE, PROMETHEUS, DNS):
        assert not is_allowed(rules, other, STRANGER_HERE, 50051)
        assert not is_allowed(rules, STRANGER_HERE, other, 50051)
    assert not is_allowed(rules, STRANGER_HERE, DNS, 53, "UDP")


@pytest.mark.parametrize("name", ["base", "envoy", "otlp", "web"])
def test_each_policy_selects_pods_that_exist(
    name: str, rendered: dict[str, list[Manifest]]
) -> None:
    templates = [*pods(rendered[name]).values(), *pods(rendered["batch"]).values()]
    for policy in policies(rendered[name]):
        selector = policy["spec"]["podSelector"].get("matchLabels", {})
        assert any(selector.items() <= pod["metadata"]["labels"].items() for pod in templates)
