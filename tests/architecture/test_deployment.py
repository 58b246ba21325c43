"""What deploy/ and the Dockerfile name exists: commands with their options, queues, variables, ports, addresses. No engine runs here."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class
from django.urls import resolve

from marketdata_site import serve
from ops.management.commands.serve_metrics import DEFAULT_PORT
from ops.running.programs import Addresses, service_programs
from tests.architecture.imports import HOUSES

PROJECT = Path(__file__).resolve().parents[2]
DEPLOY = PROJECT / "deploy"
FILES = [DEPLOY / "compose.yaml", *sorted((DEPLOY / "kubernetes").glob("*.yaml"))]
SETTINGS = (PROJECT / "docs/settings.md").read_text()
OF_OTHERS = {"REMAP_SIGTERM", "POD_IP", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
"""Celery's, the Postgres image's own, and what a manifest names for itself."""
PROGRAMS = {program.name: program for program in service_programs(Addresses("0.0.0.0", 8000, 8001), with_vendors=False)}

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
OURS = {name: one for name, one in COMPOSE.items() if one["image"] == "market-data"}
OBJECTS = [one for file in FILES[1:] for one in yaml.safe_load_all(file.read_text())]


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [one for one in OBJECTS if one["kind"] in kinds]


def named(one: dict[str, Any]) -> str:
    return str(one["metadata"]["name"])


def pods() -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:
    """Name, specification and labels of each."""
    for one in of_kind("Deployment", "Job"):
        template = one["spec"]["template"]
        yield named(one), template["spec"], template["metadata"]["labels"]


def containers() -> list[tuple[str, dict[str, Any]]]:
    """Of Kubernetes, with the pod's name."""
    return [
        (f"{name}/{one['name']}", one)
        for name, pod, _ in pods()
        for one in (*pod["containers"], *pod.get("initContainers", []))
    ]


COMMANDS = [
    *((f"compose {name}", one["command"]) for name, one in OURS.items()),
    *((name, one["command"]) for name, one in containers()),
]


@pytest.mark.parametrize(("name", "words"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_exists_and_takes_its_options(name: str, words: list[str]) -> None:
    assert words[0] == "python"
    if words[1:3] == ["-m", "marketdata_site.serve"]:
        serve._arguments(words[3:])
    elif words[1:3] == ["-m", "celery"]:
        program = PROGRAMS[re.split(r"[ /-]", name)[-1]]
        assert without_count(words[1:]) == without_count(program.command[1:])
    else:
        assert words[1] == "manage.py"
        command = load_command_class(get_commands()[words[2]], words[2])
        command.create_parser("manage.py", words[2]).parse_args(words[3:])


def without_count(words: Any) -> list[str]:
    """How many processes a worker has is each place's own."""
    listed = list(words)
    if "-c" in listed:
        at = listed.index("-c")
        del listed[at : at + 2]
    return listed


def test_image_holds_the_service_and_nothing_that_lies_beside_it() -> None:
    lines = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert lines[0] == "*"
    assert let_in == {"requirements.txt", "constraints.txt", "manage.py", "templates", *HOUSES}
    assert all((PROJECT / name).exists() for name in let_in)


def test_every_program_of_the_service_runs_in_both() -> None:
    assert PROGRAMS.keys() | {"migrate"} == OURS.keys()
    assert {f"market-data-{name}" for name in OURS} == {name for name, _, _ in pods()}


def test_every_program_is_told_the_role_that_it_has_in_up() -> None:
    for name in PROGRAMS.keys() - {"web"}:  # that one says so itself
        wanted = {
            key: PROGRAMS[name].environment[key]
            for key in ("MARKETDATA_ROLE", "REMAP_SIGTERM")
            if key in PROGRAMS[name].environment
        }
        assert wanted.items() <= OURS[name]["environment"].items()
        (container,) = [one for place, one in containers() if place == f"market-data-{name}/{name}"]
        assert {one["name"]: one["value"] for one in container["env"]} == wanted


def variables() -> set[str]:
    told = {key for one in COMPOSE.values() for key in one.get("environment", {})}
    told |= {key for one in of_kind("ConfigMap", "Secret") for key in (one.get("data") or one.get("stringData"))}
    return told | {one["name"] for _, container in containers() for one in container.get("env", [])}


@pytest.mark.parametrize("variable", sorted(variables() - OF_OTHERS))
def test_every_variable_is_a_setting(variable: str) -> None:
    assert f"`{variable}`" in SETTINGS


def test_every_text_that_compose_fills_in_stands_in_the_example() -> None:
    wanted = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    assert set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE)) == wanted


def test_every_port_is_the_one_that_is_listened_to() -> None:
    listening = {name: words[words.index("--port") + 1] for name, words in COMMANDS if "--port" in words}
    assert listening["compose web"] == listening["market-data-web/web"] == "8000"
    assert OURS["web"]["ports"] == ["127.0.0.1:8000:8000"]
    assert "EXPOSE 8000" in (PROJECT / "Dockerfile").read_text()
    told = {name: one["ports"][0] for name, one in containers() if "ports" in one}
    assert told.pop("market-data-web/web") == {"name": "http", "containerPort": 8000}
    assert set(told) == {f"market-data-{name}/metrics" for name in ("live", "backfill", "maintenance")}
    for name, port in told.items():
        assert port == {"name": "metrics", "containerPort": DEFAULT_PORT}
        assert listening[name] == str(DEFAULT_PORT)


def test_traces_leave_half_of_each_home_to_the_counters() -> None:
    (home,) = [text for text in OURS["live"]["tmpfs"] if text.startswith("/data:")]
    assert int(OURS["live"]["environment"]["VIZ_KEEP_MB"]) <= int(re.findall(r"size=(\d+)m", home)[0]) / 2
    (config,) = of_kind("ConfigMap")
    for _, pod, _ in pods():
        limits = {one["name"]: one["emptyDir"]["sizeLimit"] for one in pod["volumes"]}
        assert int(config["data"]["VIZ_KEEP_MB"]) <= int(limits["home"].removesuffix("Mi")) / 2


def health_checks() -> dict[str, list[str]]:
    """Commands that a container engine asks whether a web server is well."""
    (words,) = re.findall(r"^HEALTHCHECK .*?(\[.*?\])$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE | re.DOTALL)
    return {"Dockerfile": json.loads(words), "compose": OURS["web"]["healthcheck"]["test"][1:]}


class Well(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path.startswith("/health") else 404)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.mark.parametrize("place", ["Dockerfile", "compose"])
def test_health_check_asks_the_web_server_itself_where_the_container_was_handed_a_proxy(place: str) -> None:
    program, option, source = health_checks()[place]
    assert (program, option) == ("python", "-c")
    with HTTPServer(("127.0.0.1", 0), Well) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [sys.executable, "-c", source.replace("8000", str(server.server_port))]
        given = {"http_proxy": "http://127.0.0.1:9", "PATH": os.environ["PATH"]}
        done = subprocess.run(command, env=given, capture_output=True, text=True, check=False, timeout=60)
        server.shutdown()
    assert done.returncode == 0, done.stderr


def test_every_service_leads_to_pods_that_have_its_port() -> None:
    for service in of_kind("Service"):
        wanted, ports = service["spec"]["selector"].items(), service["spec"]["ports"]
        chosen = [pod for _, pod, labels in pods() if wanted <= labels.items()]
        assert chosen
        for pod in chosen:
            has = {port["name"] for one in pod["containers"] for port in one.get("ports", [])}
            assert {port["targetPort"] for port in ports} <= has


def test_every_deployment_chooses_its_own_pods_only() -> None:
    for one in of_kind("Deployment"):
        wanted = one["spec"]["selector"]["matchLabels"].items()
        assert [name for name, _, labels in pods() if wanted <= labels.items()] == [named(one)]


def test_every_probe_asks_an_address_that_there_is_under_a_name_that_is_answered() -> None:
    hosts = of_kind("ConfigMap")[0]["data"]["DJANGO_ALLOWED_HOSTS"].split(",")
    asked = [one[kind]["httpGet"] for _, one in containers() for kind in one if kind.endswith("Probe")]
    assert len(asked) == 3
    for probe in asked:
        resolve(probe["path"])
        assert probe["port"] == "http"
        assert probe["httpHeaders"] == [{"name": "Host", "value": "localhost"}]
        assert "localhost" in hosts
    texts = (DEPLOY / "compose.yaml").read_text() + (PROJECT / "Dockerfile").read_text()
    for path in re.findall(r"http://127\.0\.0\.1:[^/]+(/[a-z/]+)", texts):
        resolve(path)


def test_no_container_of_a_cluster_is_root_or_writes_to_its_image_or_is_without_bounds() -> None:
    for _, pod, _ in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["automountServiceAccountToken"] is False
        volumes = {volume["name"]: volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"]}
        for one in (*pod["containers"], *pod.get("initContainers", [])):
            assert {mount["name"] for mount in one["volumeMounts"]} == volumes.keys()
    for _, one in containers():
        context = one["securityContext"]
        assert (context["readOnlyRootFilesystem"], context["allowPrivilegeEscalation"]) == (True, False)
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert one["resources"]["limits"]["memory"]
        assert one["resources"]["requests"].keys() == {"cpu", "memory"}


def test_no_container_of_compose_writes_to_its_image() -> None:
    for one in OURS.values():
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert {path.split(":")[0] for path in one["tmpfs"]} == {"/tmp", "/data"}
    assert "USER marketdata" in (PROJECT / "Dockerfile").read_text()


def test_there_is_one_beat_and_it_ends_before_another_starts() -> None:
    (beat,) = [one for one in of_kind("Deployment") if named(one) == "market-data-beat"]
    assert (beat["spec"]["replicas"], beat["spec"]["strategy"]) == (1, {"type": "Recreate"})


def test_nothing_starts_before_the_migrations() -> None:
    for name, pod, _ in pods():
        if name != "market-data-migrate":
            assert [one["command"][2:] for one in pod["initContainers"]] == [["migrate", "--check"]]
    assert all("migrate" in one["depends_on"] for name, one in OURS.items() if name != "migrate")


def test_every_file_of_the_cluster_is_applied_but_the_example_of_a_secret() -> None:
    (kustomization,) = of_kind("Kustomization")
    applied = set(kustomization["resources"])
    assert applied == {file.name for file in FILES[1:]} - {"kustomization.yaml", "secret.example.yaml"}
    assert kustomization["images"][0]["name"] == "market-data"
    assert {one["image"] for _, one in containers()} == {"market-data"}
    given = {source[kind]["name"] for _, one in containers() for source in one["envFrom"] for kind in source}
    assert given == {named(one) for one in of_kind("ConfigMap", "Secret")} == {"market-data"}
