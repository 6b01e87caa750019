"""What holds of the Dockerfile, of docker-compose.yml and of HAProxy's configuration.

None of it needs an engine: scripts/container_test.py builds and runs the images.
"""

import argparse
import dataclasses
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from digits_server import cli
from digits_server.settings import DEFAULT_HOST, DEFAULT_PORT, Settings

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "server" / "Dockerfile"
COMPOSE = ROOT / "docker-compose.yml"
HAPROXY = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
VARIABLES = {f"DIGITS_{setting.name.upper()}" for setting in dataclasses.fields(Settings)}
ADMIN_PORT = 9090

Instruction = tuple[str, str]


def instructions() -> Iterator[Instruction]:
    """Give each instruction of the Dockerfile: its name, and the rest on one line."""
    lines = [
        line
        for line in DOCKERFILE.read_text("utf-8").splitlines()
        if not line.lstrip().startswith("#")
    ]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, " ".join(rest.split())


def stages() -> dict[str, list[Instruction]]:
    """Return each stage by its name; one that is built on another begins with its lines."""
    found: dict[str, list[Instruction]] = {}
    name = ""
    for instruction, rest in instructions():
        if instruction == "FROM":
            parent, _, name = rest.partition(" AS ")
            found[name] = list(found.get(parent, []))
        elif name:
            found[name].append((instruction, rest))
    return found


def last(stage: str, instruction: str) -> str:
    return [rest for name, rest in stages()[stage] if name == instruction][-1]


def image_environment(stage: str) -> dict[str, str]:
    pairs = " ".join(rest for name, rest in stages()[stage] if name == "ENV").split()
    return dict(pair.split("=", 1) for pair in pairs)


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    return found


def servers() -> dict[str, dict[str, Any]]:
    return {name: service for name, service in services().items() if "build" in service}


def without_variables(text: str) -> str:
    """Return what compose makes of a text where none of its variables is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def tool(name: str) -> str:
    """Return a program of the development tools, or skip the test."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


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
    """Return each published port of each service: address, port, port of the container."""
    found = []
    for service in services().values():
        for port in service.get("ports", []):
            address, outside, inside = port.split(":")
            found.append((address, outside, inside))
    return found


# The Dockerfile.


def test_the_server_is_the_default_target_and_the_batch_client_another() -> None:
    assert list(stages())[-1] == "server"
    assert "batch" in stages()


@pytest.mark.parametrize("stage", ["server", "batch"])
def test_an_image_runs_as_a_user_that_is_a_number_and_not_root(stage: str) -> None:
    user = re.fullmatch(r"(\d+):(\d+)", last(stage, "USER"))
    assert user
    assert all(int(number) >= 1000 for number in user.groups())


@pytest.mark.parametrize("stage", ["server", "batch"])
def test_an_image_starts_a_command_of_ours_without_a_shell(stage: str) -> None:
    [command] = json.loads(last(stage, "ENTRYPOINT"))
    assert command == f"digits-{stage}"
    assert command in PROJECT["scripts"]


@pytest.mark.parametrize(("stage", "argument"), [("server", "SERVER"), ("batch", "BATCH")])
def test_an_image_has_extras_that_there_are(stage: str, argument: str) -> None:
    extras = last(f"{stage}-build", "ARG").removeprefix(f"{argument}_EXTRAS=")
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_the_base_is_an_argument_that_names_a_version() -> None:
    assert next(instructions())[0] == "ARG"
    assert re.fullmatch(r"BASE=python:3\.\d+-slim-\w+", next(instructions())[1])
    assert [rest.split()[0] for name, rest in instructions() if name == "FROM"].count(
        "${BASE}"
    ) == 2


def test_building_needs_no_buildkit() -> None:
    text = DOCKERFILE.read_text("utf-8")
    for word in ("RUN --", "COPY --chmod", "COPY --link", "COPY --chown", "<<", "# syntax"):
        assert word not in text


def test_the_version_of_the_images_is_that_of_the_project() -> None:
    version = PROJECT["version"]
    assert ("ARG", f"VERSION={version}") in stages()["runtime"]
    assert {service["image"] for service in servers().values()} == {f"digits-server:{version}"}


def test_the_servers_image_sets_what_are_settings() -> None:
    environment = image_environment("server")
    assert {name for name in environment if name.startswith("DIGITS_")} <= VARIABLES
    made = settings(environment)
    assert (made.host, made.port, made.admin_port) == ("0.0.0.0", DEFAULT_PORT, ADMIN_PORT)
    assert last("server", "EXPOSE").split() == [str(made.port), str(made.admin_port)]


def test_the_model_is_where_the_servers_image_looks_for_it() -> None:
    folder = image_environment("server")["DIGITS_MODELS_DIR"]
    assert ("COPY", f"--from=server-build /models {folder}") in stages()["server"]


def test_the_health_check_asks_the_admin_port_without_a_shell() -> None:
    _, _, command = last("server", "HEALTHCHECK").partition(" CMD ")
    program, *arguments = json.loads(command)
    assert program in PROJECT["scripts"]
    parsed = cli._parser().parse_args(arguments)
    assert parsed.command == "healthcheck"
    assert parsed.address == f"{DEFAULT_HOST}:{ADMIN_PORT}"


def test_what_is_copied_into_the_build_is_there() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert "*" in ignored
    assert all((ROOT / name).exists() for name in let_in)
    named = [rest.split() for name, rest in instructions() if name == "COPY"]
    sources = {word for words in named if "--from" not in words[0] for word in words[:-1]}
    assert sources - {"."} <= set(let_in)
    # All that makes the wheel.
    assert {"clients", "protos", "server", "training"} <= set(let_in)


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    done = subprocess.run([tool("hadolint"), str(DOCKERFILE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# docker-compose.yml.


def test_the_compose_file_is_valid() -> None:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_that_the_compose_file_names_are_there() -> None:
    named = set()
    for service in services().values():
        mounts = [mount.split(":")[0] for mount in service["volumes"] if isinstance(mount, str)]
        named |= {mount for mount in mounts if mount.startswith("./")}
        if build := service.get("build"):
            named.add(build["dockerfile"])
            assert build["target"] in stages()
    assert len(named) >= 6
    assert not [name for name in named if not (ROOT / name).exists()]


def test_volumes_that_services_use_are_declared() -> None:
    declared = set(yaml.safe_load(COMPOSE.read_text("utf-8"))["volumes"])
    used = {
        mount.split(":")[0]
        for service in services().values()
        for mount in service["volumes"]
        if isinstance(mount, str) and not mount.startswith("./")
    }
    assert used == declared


@pytest.mark.parametrize("name", services())
def test_a_service_is_confined(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


@pytest.mark.parametrize("name", services())
def test_an_image_is_of_one_version(name: str) -> None:
    assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+(-\w+)?", services()[name]["image"])


def test_ports_are_open_to_this_machine_alone_and_each_once() -> None:
    assert {address for address, _, _ in published()} == {"127.0.0.1"}
    outside = [port for _, port, _ in published()]
    assert len(outside) == len(set(outside))


def test_the_server_is_at_the_address_that_clients_take_by_default() -> None:
    assert services()["server"]["ports"] == [
        f"{DEFAULT_HOST}:{DEFAULT_PORT}:{DEFAULT_PORT}",
        f"{DEFAULT_HOST}:{ADMIN_PORT}:{ADMIN_PORT}",
    ]
    assert "profiles" not in services()["server"]


def test_profiles_are_those_that_are_documented() -> None:
    found = {profile for service in services().values() for profile in service.get("profiles", [])}
    assert found == {"monitoring", "scaled", "tls"}
    documented = (ROOT / "docs" / "containers.md").read_text("utf-8")
    comment = COMPOSE.read_text("utf-8").partition("\nname:")[0]
    commands = re.findall(r"docker compose [^\n]*?--profile \w+ up[^\n]*?(?=  |\n)", comment)
    assert {command.split()[3] for command in commands} == found
    assert not [command for command in commands if command not in documented]


@pytest.mark.parametrize("name", servers())
def test_a_server_sets_what_are_settings(name: str) -> None:
    service = services()[name]
    assert set(service["environment"]) <= VARIABLES
    made = server_settings(name)
    assert made.models_dir == Path("/models")
    assert "models:/models" in service["volumes"]


@pytest.mark.parametrize("name", servers())
def test_a_server_has_a_thread_for_each_of_its_processors(name: str) -> None:
    assert server_settings(name).threads == int(
        services()[name]["deploy"]["resources"]["limits"]["cpus"]
    )


@pytest.mark.parametrize("name", servers())
def test_a_server_has_the_time_that_it_takes_to_drain(name: str) -> None:
    made = server_settings(name)
    patience = seconds(services()[name]["stop_grace_period"])
    assert made.drain_seconds + made.grace_seconds < patience


@pytest.mark.parametrize("name", servers())
def test_a_servers_health_check_is_that_of_the_image(name: str) -> None:
    _, _, command = last("server", "HEALTHCHECK").partition(" CMD ")
    assert services()[name]["healthcheck"]["test"] == ["CMD", *json.loads(command)]


def test_the_tls_server_reads_what_is_in_the_folder_of_certificates() -> None:
    made = server_settings("server-tls")
    [folder] = [mount for mount in services()["server-tls"]["volumes"] if isinstance(mount, dict)]
    assert made.tls_cert
    assert made.tls_key
    assert {str(made.tls_cert.parent), str(made.tls_key.parent)} == {folder["target"]}


# Several servers behind HAProxy.


def test_replicas_publish_no_port_and_have_the_servers_name() -> None:
    replica = services()["replica"]
    assert "ports" not in replica
    assert replica["networks"]["default"]["aliases"] == ["server"]


def test_haproxy_goes_to_the_ports_of_the_server() -> None:
    text = HAPROXY.read_text("utf-8")
    assert re.search(rf"server-template \w+ \d+ server:{DEFAULT_PORT} proto h2", text)
    assert f"http-check connect port {ADMIN_PORT} proto h1" in text
    [(_, _, inside)] = [tuple(port.split(":")) for port in services()["balancer"]["ports"]]
    assert f"bind :{inside} proto h2" in text
    # What its health check asks for.
    assert "bind 127.0.0.1:8404" in text
    assert "http://127.0.0.1:8404/healthz" in services()["balancer"]["healthcheck"]["test"]
    assert "monitor-uri /healthz" in text


def test_servers_drain_for_longer_than_haproxy_takes_to_notice() -> None:
    text = HAPROXY.read_text("utf-8")
    match = re.search(r"inter (\d+)s fastinter (\d+)ms .*fall (\d+)", text)
    assert match
    every, fast, fall = map(int, match.groups())
    noticed_after = every + (fall - 1) * fast / 1000
    assert noticed_after < server_settings("replica").drain_seconds


def test_haproxy_takes_its_configuration() -> None:
    done = subprocess.run(
        [tool("haproxy"), "-c", "-f", str(HAPROXY)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
