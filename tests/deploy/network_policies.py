"""Decides by NetworkPolicies whether one pod may connect to another, as Kubernetes defines it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Rule = Mapping[str, Any]


class Peer(NamedTuple):
    """A pod, or an address outside the cluster."""

    namespace: str
    """Empty for an address outside the cluster."""
    labels: Mapping[str, str] = {}
    ports: Mapping[str, int] = {}
    """Named ports of its containers."""
    namespace_labels: Mapping[str, str] = {}
    """Labels of the namespace, except the one that Kubernetes sets."""


def is_allowed(
    policies: Sequence[Rule], source: Peer, target: Peer, port: int, protocol: str = "TCP"
) -> bool:
    """Return whether a connection passes: the source's egress and the target's ingress.

    Args:
        policies: All NetworkPolicies, in the namespaces of their metadata.
        source: The pod that connects.
        target: The pod, or the address, to which it connects.
        port: Port of the target.
        protocol: TCP or UDP.
    """

    def passes(kind: str, pod: Peer, other: Peer, direction: str) -> bool:
        selecting = [
            policy["spec"]
            for policy in policies
            if kind in policy["spec"]["policyTypes"]
            and policy["metadata"]["namespace"] == pod.namespace
            and _selects(policy["spec"]["podSelector"], pod.labels)
        ]
        # A pod that no policy selects is open.
        return not selecting or any(
            _matches(rule.get(direction), other, pod.namespace)
            and _has_port(rule.get("ports"), target, port, protocol)
            for spec in selecting
            for rule in spec.get(kind.lower(), [])
        )

    return passes("Egress", source, target, "to") and passes("Ingress", target, source, "from")


def _selects(selector: Rule, labels: Mapping[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}, "not supported here"
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def _matches(peers: Sequence[Rule] | None, other: Peer, namespace: str) -> bool:
    """Return whether a rule of a policy in a namespace covers the other side."""
    if peers is None:
        return True
    for peer in peers:
        assert peer.keys() <= {"namespaceSelector", "podSelector"}, "not supported here"
        if "namespaceSelector" in peer:
            labels = {**other.namespace_labels, "kubernetes.io/metadata.name": other.namespace}
            in_namespace = _selects(peer["namespaceSelector"], labels)
        else:
            in_namespace = other.namespace == namespace
        if other.namespace and in_namespace and _selects(peer.get("podSelector", {}), other.labels):
            return True
    return False


def _has_port(ports: Sequence[Rule] | None, target: Peer, port: int, protocol: str) -> bool:
    if ports is None:
        return True
    return any(
        target.ports.get(one["port"], one["port"]) == port
        and one.get("protocol", "TCP") == protocol
        for one in ports
    )
