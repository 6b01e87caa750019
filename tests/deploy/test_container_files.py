"""The Dockerfile, docker-compose.yml and HAProxy's configuration, checked without an engine.

scripts/container_test.py builds and runs the images.
"""

import argparse
import dataclasses
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from digits_client.web import healthcheck
from digits_client.web.settings import Settings as WebSettings
from digits_server import cli
from digits_server.settings import DEFAULT_HOST, DEFAULT_PORT, Settings
from tests.deploy.dockerfile import (
    DOCKERFILE,
    image_environment,
    instructions,
    last_argument,
    stages,
)
from tests.processes import ROOT

COMPOSE = ROOT / "docker-compose.yml"
HAPROXY = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
VARIABLES = {f"DIGITS_{setting.name.upper()}" for setting in dataclasses.fields(Settings)}
ADMIN_PORT = 9090
IMAGES = ("server", "batch", "web")


def services() -> dict[str, dict[str, Any]]:
    result: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    return result


def built() -> dict[str, dict[str, Any]]:
    """Return the services whose images are built here."""
    return {name: service for name, service in services().items() if "build" in service}


def servers() -> dict[str, dict[str, Any]]:
    return {name: one for name, one in built().items() if one["build"]["target"] == "server"}


def without_variables(text: str) -> str:
    """Return a text as compose expands it when no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def find_tool(name: str) -> str:
    """Return the path of a program; skip the test where it is not installed."""
    path = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def web_settings(environment: dict[str, str]) -> WebSettings:
    parser = argparse.ArgumentParser()
    WebSettings.add_flags(parser)
    return WebSettings.resolve(parser.parse_args([]), environment)


def settings(environment: dict[str, str]) -> Settings:
    parser = argparse.ArgumentParser()
    Settings.add_flags(parser)
    return Settings.resolve(parser.parse_args([]), environment)


def server_settings(name: str) -> Settings:
    """Return the settings of a server of docker-compose.yml."""
    own = services()[name]["environment"]
    given = {variable: without_variables(value) for variable, value in own.items()}
    return settings(image_environment("server") | given)


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def published() -> list[tuple[str, str, str]]:
    """Return each published port: address, port on the host, port of the container."""
    ports = []
    for service in services().values():
        for port in service.get("ports", []):
            address, host_port, container_port = port.split(":")
            ports.append((address, host_port, container_port))
    return ports


# Dockerfile


def test_the_server_is_the_default_target() -> None:
    assert list(stages())[-1] == "server"
    assert set(IMAGES) <= set(stages())


@pytest.mark.parametrize("stage", IMAGES)
def test_an_image_runs_as_a_numeric_user_that_is_not_root(stage: str) -> None:
    user = re.fullmatch(r"(\d+):(\d+)", last_argument(stage, "USER"))
    assert user
    assert all(int(number) >= 1000 for number in user.groups())


@pytest.mark.parametrize("stage", IMAGES)
def test_an_image_starts_its_command_without_a_shell(stage: str) -> None:
    command, *flags = json.loads(last_argument(stage, "ENTRYPOINT"))
    assert command == f"digits-{stage}"
    assert command in PROJECT["scripts"]
    assert flags == (["--no-open"] if stage == "web" else [])


@pytest.mark.parametrize("stage", IMAGES)
def test_an_image_installs_extras_that_exist(stage: str) -> None:
    extras = last_argument(f"{stage}-build", "ARG").removeprefix(f"{stage.upper()}_EXTRAS=")
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_the_images_have_only_what_the_locks_pin() -> None:
    environment = image_environment("build")
    assert environment["PIP_REQUIRE_HASHES"] == "1"
    assert environment["PIP_ONLY_BINARY"] == ":all:"
    commands = [part for name, rest in instructions() if name == "RUN" for part in rest.split("&&")]
    commands += (ROOT / "server" / "install_wheel.sh").read_text("utf-8").splitlines()
    installs = [command for command in commands if " install " in command]
    # The wheels that the build makes have no lock, and bring no other package.
    own = [command for command in installs if "PIP_REQUIRE_HASHES=0" in command]
    assert len(own) == 2
    wheels = r"--no-deps /(wheels|opencv)/\*\.whl( \|\| exit 1; fi)?"
    assert all(re.search(rf"{wheels}$", command.strip()) for command in own)
    locked = [command for command in installs if command not in own]
    assert len(locked) == 6
    assert all(re.search('--requirement "?locks/', command) for command in locked)


@pytest.mark.parametrize("stage", IMAGES)
def test_an_image_contains_its_sboms_and_licenses(stage: str) -> None:
    assert ("RUN", "sh describe_image.sh /opt/digits /description") in stages()[
        f"{stage}-description"
    ]
    folder = "/usr/share/doc/digits"
    assert ("COPY", f"--from={stage}-description /description {folder}") in stages()[stage]
    script = (ROOT / "server" / "describe_image.sh").read_text("utf-8")
    documented = (ROOT / "docs" / "containers.md").read_text("utf-8")
    for file in ("sbom-python.cdx.json", "sbom-debian"):
        assert file in script
        assert f"{folder}/{file}" in documented


def test_the_base_image_is_an_argument_with_an_exact_version() -> None:
    assert next(instructions())[0] == "ARG"
    name, _, base = next(instructions())[1].partition("=")
    assert name == "BASE"
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)
    assert [rest.split()[0] for name, rest in instructions() if name == "FROM"].count(
        "${BASE}"
    ) == 2
    # Compose passes the variables on, so a digest can be given there too.
    arguments = {name: service["build"]["args"] for name, service in built().items()}
    assert arguments == {name: ["BASE", "OPENCV"] for name in servers()} | {"web": ["BASE"]}
    documented = (ROOT / "docs" / "containers.md").read_text("utf-8")
    assert {base} == set(re.findall(r"python:[\d.]+-slim-\w+", documented))


def test_every_image_in_documents_and_manifests_has_an_exact_version() -> None:
    texts = [COMPOSE, *(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").rglob("*.y*ml")]
    named = r"(?:^ +(?:- )?image: |printf 'FROM )([^\s\\]+)"
    images = {image for path in texts for image in re.findall(named, path.read_text("utf-8"), re.M)}
    # Your own images have your own tags.
    images = {image for image in images if not image.startswith("digits-")}
    assert len(images) == 5  # HAProxy, Prometheus, Grafana, Envoy, and one for models
    inexact = {image for image in images if not re.search(r":[a-z-]*v?\d+\.\d+\.\d+", image)}
    assert not inexact


def test_the_build_needs_no_buildkit() -> None:
    text = DOCKERFILE.read_text("utf-8")
    for word in ("RUN --", "COPY --chmod", "COPY --link", "COPY --chown", "<<", "# syntax"):
        assert word not in text


def test_the_images_have_the_version_of_the_project() -> None:
    version = PROJECT["version"]
    assert ("ARG", f"VERSION={version}") in stages()["runtime"]
    named = {(one["build"]["target"], one["image"]) for one in built().values()}
    assert named == {(name, f"digits-{name}:{version}") for name in ("server", "web")}
    texts = [DOCKERFILE, ROOT / "docker-compose.yml", *(ROOT / "docs").glob("*.md")]
    texts += [path for path in (ROOT / "deploy").rglob("*") if path.suffix in (".yml", ".yaml")]
    tags = {
        tag
        for path in texts
        for tag in re.findall(r"digits-(?:server|batch|web):(\d[\w.]*\d)", path.read_text("utf-8"))
    }
    assert tags == {version}


def test_the_server_image_sets_only_known_settings() -> None:
    environment = image_environment("server")
    assert {name for name in environment if name.startswith("DIGITS_")} <= VARIABLES
    resolved = settings(environment)
    assert (resolved.host, resolved.port, resolved.admin_port) == (
        "0.0.0.0",
        DEFAULT_PORT,
        ADMIN_PORT,
    )
    assert last_argument("server", "EXPOSE").split() == [
        str(resolved.port),
        str(resolved.admin_port),
    ]


def test_the_model_is_in_the_folder_that_the_server_image_serves() -> None:
    folder = image_environment("server")["DIGITS_MODELS_DIR"]
    assert ("COPY", f"--from=server-build /models {folder}") in stages()["server"]


def test_the_health_check_calls_the_admin_port_without_a_shell() -> None:
    _, _, command = last_argument("server", "HEALTHCHECK").partition(" CMD ")
    program, *arguments = json.loads(command)
    assert program in PROJECT["scripts"]
    parsed = cli._parser().parse_args(arguments)
    assert parsed.command == "healthcheck"
    assert parsed.address == f"{DEFAULT_HOST}:{ADMIN_PORT}"


def test_the_build_context_contains_the_sources_of_the_wheel() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    included = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert "*" in ignored
    assert all((ROOT / name).exists() for name in included)
    copies = [rest.split() for name, rest in instructions() if name == "COPY"]
    sources = {word for words in copies if "--from" not in words[0] for word in words[:-1]}
    included_folders = tuple(f"{name}/" for name in included)
    assert not [
        source
        for source in sources - {".", *included}
        if not source.startswith(included_folders) or not (ROOT / source).exists()
    ]
    assert {"clients", "protos", "server", "training"} <= set(included)


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    done = subprocess.run([find_tool("hadolint"), str(DOCKERFILE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# docker-compose.yml


def test_the_compose_file_is_valid() -> None:
    command = [
        find_tool("check-jsonschema"),
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_named_in_the_compose_file_exist() -> None:
    named = set()
    for service in services().values():
        mounts = [
            mount.split(":")[0] for mount in service.get("volumes", []) if isinstance(mount, str)
        ]
        named |= {mount for mount in mounts if mount.startswith("./")}
        if build := service.get("build"):
            named.add(build["dockerfile"])
            assert build["target"] in stages()
    assert len(named) >= 6
    assert not [name for name in named if not (ROOT / name).exists()]


def test_volumes_of_services_are_declared() -> None:
    declared = set(yaml.safe_load(COMPOSE.read_text("utf-8"))["volumes"])
    used = {
        mount.split(":")[0]
        for service in services().values()
        for mount in service.get("volumes", [])
        if isinstance(mount, str) and not mount.startswith("./")
    }
    assert used == declared


@pytest.mark.parametrize("name", services())
def test_a_service_runs_with_minimal_privileges_and_resource_limits(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


@pytest.mark.parametrize("name", services())
def test_an_image_has_an_exact_version(name: str) -> None:
    assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+(-\w+)?", services()[name]["image"])


def test_ports_are_published_on_the_loopback_address_and_each_once() -> None:
    assert {address for address, _, _ in published()} == {"127.0.0.1"}
    host_ports = [port for _, port, _ in published()]
    assert len(host_ports) == len(set(host_ports))


def test_the_server_is_published_at_the_default_address_of_clients() -> None:
    assert services()["server"]["ports"] == [
        f"{DEFAULT_HOST}:{DEFAULT_PORT}:{DEFAULT_PORT}",
        f"{DEFAULT_HOST}:{ADMIN_PORT}:{ADMIN_PORT}",
    ]
    assert "profiles" not in services()["server"]


def test_the_documented_profiles_are_the_profiles() -> None:
    profiles = {
        profile for service in services().values() for profile in service.get("profiles", [])
    }
    assert profiles == {"monitoring", "scaled", "tls", "web"}
    documented = (ROOT / "docs" / "containers.md").read_text("utf-8")
    comment = COMPOSE.read_text("utf-8").partition("\nname:")[0]
    commands = re.findall(r"docker compose [^\n]*?--profile \w+ up[^\n]*?(?=  |\n)", comment)
    assert {command.split()[3] for command in commands} == profiles
    assert not [command for command in commands if command not in documented]


@pytest.mark.parametrize("name", servers())
def test_a_server_sets_only_known_settings(name: str) -> None:
    service = services()[name]
    assert set(service["environment"]) <= VARIABLES
    resolved = server_settings(name)
    assert resolved.models_dir == Path("/models")
    assert "models:/models" in service["volumes"]


@pytest.mark.parametrize("name", servers())
def test_a_server_has_one_thread_per_cpu(name: str) -> None:
    assert server_settings(name).threads == int(
        services()[name]["deploy"]["resources"]["limits"]["cpus"]
    )


@pytest.mark.parametrize("name", servers())
def test_a_server_has_enough_time_to_drain(name: str) -> None:
    resolved = server_settings(name)
    stop_seconds = seconds(services()[name]["stop_grace_period"])
    assert resolved.drain_seconds + resolved.grace_seconds < stop_seconds


@pytest.mark.parametrize("name", servers())
def test_a_server_has_the_health_check_of_the_image(name: str) -> None:
    _, _, command = last_argument("server", "HEALTHCHECK").partition(" CMD ")
    assert services()[name]["healthcheck"]["test"] == ["CMD", *json.loads(command)]


def test_the_tls_server_reads_its_files_from_the_mounted_folder() -> None:
    resolved = server_settings("server-tls")
    [folder] = [mount for mount in services()["server-tls"]["volumes"] if isinstance(mount, dict)]
    assert resolved.tls_cert
    assert resolved.tls_key
    assert {str(resolved.tls_cert.parent), str(resolved.tls_key.parent)} == {folder["target"]}


# The web page


def test_the_web_image_sets_only_known_settings() -> None:
    environment = image_environment("web")
    known = {f"DIGITS_WEB_{setting.name.upper()}" for setting in dataclasses.fields(WebSettings)}
    assert {name for name in environment if name.startswith("DIGITS_")} <= known
    resolved = web_settings(environment)
    assert (resolved.host, resolved.port) == ("0.0.0.0", WebSettings().port)
    assert last_argument("web", "EXPOSE") == str(resolved.port)


def test_the_web_service_has_the_health_check_of_its_image() -> None:
    _, _, command = last_argument("web", "HEALTHCHECK").partition(" CMD ")
    assert services()["web"]["healthcheck"]["test"] == ["CMD", *json.loads(command)]
    assert json.loads(command) == ["python3", "-m", healthcheck.__name__]
    timeout = re.search(r"--timeout=(\d+)s", last_argument("web", "HEALTHCHECK"))
    assert timeout
    assert int(timeout[1]) > healthcheck.TIMEOUT_SECONDS


def test_the_web_service_asks_every_server_and_is_published_at_its_default_address() -> None:
    service = services()["web"]
    assert service["environment"] == {"DIGITS_SERVER": f"dns:///server:{DEFAULT_PORT}"}
    assert service["depends_on"] == {"server": {"condition": "service_healthy"}}
    default = WebSettings()
    assert service["ports"] == [f"{default.host}:{default.port}:{default.port}"]


def test_the_web_service_has_enough_time_to_finish_requests() -> None:
    resolved = web_settings(image_environment("web"))
    stop_seconds = seconds(services()["web"]["stop_grace_period"])
    assert resolved.drain_seconds + resolved.grace_seconds < stop_seconds


# HAProxy


def test_replicas_publish_no_port_and_share_the_name_server() -> None:
    replica = services()["replica"]
    assert "ports" not in replica
    assert replica["networks"]["default"]["aliases"] == ["server"]


def test_haproxy_uses_the_ports_of_the_server() -> None:
    text = HAPROXY.read_text("utf-8")
    assert re.search(rf"server-template \w+ \d+ server:{DEFAULT_PORT} proto h2", text)
    assert f"http-check connect port {ADMIN_PORT} proto h1" in text
    [(_, _, port)] = [tuple(port.split(":")) for port in services()["balancer"]["ports"]]
    assert f"bind :{port} proto h2" in text
    # Its own health check.
    assert "bind 127.0.0.1:8404" in text
    assert "http://127.0.0.1:8404/healthz" in services()["balancer"]["healthcheck"]["test"]
    assert "monitor-uri /healthz" in text


def test_servers_drain_for_longer_than_haproxy_needs_to_notice() -> None:
    text = HAPROXY.read_text("utf-8")
    match = re.search(r"inter (\d+)s fastinter (\d+)ms .*fall (\d+)", text)
    assert match
    interval_seconds, fast_interval_ms, fall = map(int, match.groups())
    longest_seconds = interval_seconds + (fall - 1) * fast_interval_ms / 1000
    assert longest_seconds < server_settings("replica").drain_seconds


def test_haproxy_accepts_its_configuration() -> None:
    done = subprocess.run(
        [find_tool("haproxy"), "-c", "-f", str(HAPROXY)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
