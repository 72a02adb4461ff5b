"""The files of deploy: images, compose files and the Helm chart; closed containers, and names that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from jupyter_figserve.cli.parser import make_parser

DEPLOY = Path(__file__).parent.parent / "deploy"
PACKAGE = DEPLOY.parent / "jupyter_figserve"
RENDER = DEPLOY / "Dockerfile"
SERVICE, WORKER = DEPLOY / "images" / "service.Dockerfile", DEPLOY / "images" / "worker.Dockerfile"
SINGLE_USER = DEPLOY / "images" / "singleuser.Dockerfile"
CLUSTER, CHART = DEPLOY / "cluster" / "compose.yaml", DEPLOY / "helm" / "figserve"
OURS = pytest.mark.parametrize("dockerfile", [RENDER, SERVICE, WORKER], ids=lambda path: path.name)
OF_OTHERS = {
    "AWS_ACCESS_KEY_ID",
    "AWS_ALLOW_HTTP",
    "AWS_ENDPOINT",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "JUPYTER_TOKEN",
    "PGPASSWORD",
    "POD_IP",
}
"""Variables that Jupyter, PostgreSQL's client and obstore read, and one that the chart itself uses."""


@cache
def read_instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Return instruction names and arguments, without comments and with continuation lines joined."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", " ", text).splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def last_stage(dockerfile: Path) -> list[tuple[str, str]]:
    instructions = read_instructions(dockerfile)
    start = max(index for index, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[start:]


def entrypoint(dockerfile: Path) -> list[str]:
    (command,) = [json.loads(rest) for name, rest in read_instructions(dockerfile) if name == "ENTRYPOINT"]
    return list(command)


@cache
def traits() -> dict[str, set[str]]:
    """Return the settings of each class that can be set on a command line."""
    from jupyter_figserve.server.app import FigServe
    from jupyter_figserve.server.standalone import FigServeHost

    host = set(FigServeHost.class_trait_names(config=True))
    return {"FigServe": set(FigServe.class_trait_names(config=True)), "FigServeHost": host, "ServerApp": host}


def check_command(words: list[str]) -> None:
    """Check that our parser accepts a command line, and that each setting in it exists."""
    assert words[0] == "jupyter-figserve"
    settings = [word for word in words if re.match(r"--\w+\.", word)]
    make_parser().parse_args([word for word in words[1:] if word not in settings])
    for setting in settings:
        found = re.match(r"--(\w+)\.(\w+)=", setting)
        assert found, setting
        assert found[2] in traits()[found[1]], setting


def check_variables(names: set[str]) -> None:
    """Check that this package, or a library that it uses, reads these variables of the environment."""
    source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    assert {name for name in names - OF_OTHERS if f'"{name}"' not in source} == set()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The compose file of the cluster."""
    document: dict[str, Any] = yaml.safe_load(CLUSTER.read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module")
def services(document) -> dict[str, Any]:
    found: dict[str, Any] = document["services"]
    return found


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    """The Helm chart, rendered by the few rules that it uses."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    made = []
    for template in sorted((CHART / "templates").iterdir()):
        made += [one for one in yaml.safe_load_all(render(template.read_text(encoding="utf-8"), values)) if one]
    return made


@pytest.fixture(scope="module")
def containers(manifests) -> dict[str, Any]:
    """Containers by their names, with the pod that they are in."""
    pods = [one["spec"]["template"]["spec"] for one in manifests if one["kind"] == "Deployment"]
    return {container["name"]: (container, pod) for pod in pods for container in pod["containers"]}


class TestImages:
    @pytest.mark.parametrize("dockerfile", [RENDER, SERVICE, WORKER, SINGLE_USER], ids=lambda path: path.name)
    def test_it_runs_as_an_unprivileged_user(self, dockerfile):
        """The last user is a number other than root's, and nothing runs as root after it."""
        stage = last_stage(dockerfile)
        users = [index for index, (name, _) in enumerate(stage) if name == "USER"]
        assert int(stage[users[-1]][1]) >= 1000
        assert not [name for name, _ in stage[users[-1] :] if name in ("RUN", "COPY", "ADD")]

    @OURS
    def test_the_image_is_slim_and_pinned(self, dockerfile):
        """A tagged slim image, no ADD, no system packages but fonts, no caches of pip and apt."""
        instructions = read_instructions(dockerfile)
        images = [rest.split()[0] for name, rest in instructions if name == "FROM"]
        assert all(re.fullmatch(r"python:3\.\d+-slim-\w+", image) for image in images)
        assert "ADD" not in {name for name, _ in instructions}
        for _, rest in instructions:
            if "apt-get" in rest:
                (packages,) = re.findall(r"apt-get install -y --no-install-recommends ([^&]+)", rest)
                assert packages.split() == ["fonts-noto-cjk"]
                assert "rm -rf /var/lib/apt/lists/*" in rest
            assert "pip install" not in rest or "--no-cache-dir" in rest

    @pytest.mark.parametrize("dockerfile", [SERVICE, WORKER, SINGLE_USER], ids=lambda path: path.name)
    def test_its_extras_exist(self, dockerfile):
        """Those that pip is told to install; without one, pip would only warn."""
        import tomllib

        known = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"][
            "optional-dependencies"
        ]
        (extras,) = re.findall(r'"[^"\s]*\[([a-z,]+)\]"', dockerfile.read_text(encoding="utf-8"))
        assert set(extras.split(",")) <= known.keys()

    @OURS
    def test_the_image_contains_no_secret(self, dockerfile):
        """Tokens and keys are passed at start."""
        for name, rest in read_instructions(dockerfile):
            if name in ("ENV", "ARG"):
                assert not re.search(r"TOKEN|KEY|SECRET|PASSWORD", rest)

    @OURS
    def test_its_command_is_valid(self, dockerfile):
        """The parser accepts it, on the exposed port."""
        command = entrypoint(dockerfile)
        check_command(command)
        (port,) = [rest for name, rest in read_instructions(dockerfile) if name == "EXPOSE"]
        assert command[command.index("--port") + 1] == port

    @OURS
    def test_its_health_check_is_valid_python(self, dockerfile):
        """It compiles, and requests an address that the command serves."""
        instructions = read_instructions(dockerfile)
        (check,) = [rest for name, rest in instructions if name == "HEALTHCHECK"]
        command = json.loads(check[check.index("[") :])
        compile(command[2], "<health check>", "exec")
        (port,) = [rest for name, rest in instructions if name == "EXPOSE"]
        path = {RENDER: "/figserve/api/status", SERVICE: "/figserve/api/health/ready", WORKER: "/healthz"}[dockerfile]
        assert f"http://127.0.0.1:{port}{path}'" in command[2]


def test_the_compose_file_needs_a_key_and_keeps_the_container_closed():
    """It names the Dockerfile and its port, publishes on loopback alone, and sets no secret itself."""
    file = DEPLOY / "compose.yaml"
    (service,) = yaml.safe_load(file.read_text(encoding="utf-8"))["services"].values()
    build = service["build"]
    assert (file.parent / build["context"] / build["dockerfile"]).resolve() == RENDER.resolve()
    assert service["environment"]["FIGSERVE_API_KEY"].startswith("${FIGSERVE_API_KEY:?")
    (port,) = re.findall(r"^EXPOSE (\d+)$", RENDER.read_text(encoding="utf-8"), re.MULTILINE)
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


class TestCluster:
    def built(self, services) -> Iterator[tuple[str, dict[str, Any], Path]]:
        """Yield the services of our images, with their Dockerfiles."""
        for name, service in services.items():
            if "build" in service:
                root = CLUSTER.parent / service["build"]["context"]
                yield name, service, (root / service["build"]["dockerfile"]).resolve()

    def test_commands_and_variables_exist(self, services):
        """Each option, setting and variable is one that the image's program knows."""
        found = dict.fromkeys((SERVICE.resolve(), WORKER.resolve()), 0)
        for _, service, dockerfile in self.built(services):
            check_command(entrypoint(dockerfile) + service["command"])
            check_variables(set(service["environment"]))
            found[dockerfile] += 1
        assert list(found.values()) == [2, 2]

    def test_our_containers_are_closed(self, services):
        """A read-only root, no capabilities, bounded memory, and no ports to the outside."""
        for _, service, _ in self.built(services):
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]
            assert "mem_limit" in service
            assert "ports" not in service

    def test_workers_reach_nothing(self, document, services):
        """Their only network has no way out, and neither the database nor the bucket is in it."""
        for name in ("worker-1", "worker-2"):
            (network,) = services[name]["networks"]
            assert document["networks"][network]["internal"] is True
            assert network not in services["postgres"]["networks"] + services["seaweedfs"]["networks"]

    def test_names_within_the_file(self, document, services):
        """Each network, dependency and address is that of another part of the file."""
        for service in services.values():
            assert set(service["networks"]) <= document["networks"].keys()
            assert set(service.get("depends_on", ())) <= services.keys()
        addresses = re.findall(
            r"(?:http://|postgresql://figserve@|s/[\d.:]+/)([a-z][a-z0-9-]*)[:/]", CLUSTER.read_text(encoding="utf-8")
        )
        assert len(addresses) > 8
        assert set(addresses) <= services.keys()

    def test_replaced_addresses_are_in_the_files(self, services):
        """What the containers replace is in the files that they mount."""
        for name in ("haproxy", "nginx"):
            text = (DEPLOY / f"{name}.c{'fg' if name == 'haproxy' else 'onf'}").read_text(encoding="utf-8")
            addresses = re.findall(r"s/([\d.:]+)/", services[name]["command"][2])
            assert len(addresses) >= 2
            assert [one for one in addresses if one not in text] == []

    def test_secrets_come_from_outside(self):
        """Every variable is required and explained, and the example names all of them."""
        text = CLUSTER.read_text(encoding="utf-8")
        names = set(re.findall(r"\$\{(\w+)", text))
        assert names == set(
            re.findall(r"^(\w+)=", (CLUSTER.parent / "example.env").read_text(encoding="utf-8"), re.MULTILINE)
        )
        assert not re.search(r"\$\{\w+\}", text)


class TestChart:
    def test_commands_and_variables_exist(self, containers):
        """Each option, setting and variable is one that the image's program knows."""
        for name, dockerfile in (("server", SERVICE), ("worker", WORKER)):
            container, _ = containers[name]
            check_command(entrypoint(dockerfile) + container["args"])
            check_variables({one["name"] for one in container["env"]})

    def test_containers_are_closed(self, containers):
        """No root, no capabilities, a read-only file system, no token of the cluster."""
        assert containers.keys() == {"server", "worker", "haproxy"}
        for container, pod in containers.values():
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["automountServiceAccountToken"] is False
            closed = container["securityContext"]
            assert closed["allowPrivilegeEscalation"] is False
            assert closed["readOnlyRootFilesystem"] is True
            assert closed["capabilities"] == {"drop": ["ALL"]}

    def test_secrets_are_references(self, containers):
        """To keys of the Secret that values.yaml documents."""
        text = (CHART / "values.yaml").read_text(encoding="utf-8")
        for container, _ in containers.values():
            for variable in container.get("env", ()):
                is_secret = re.search(r"SECRET|KEY|TOKEN|PASSWORD", variable["name"])
                assert ("secretKeyRef" in variable.get("valueFrom", {})) == bool(is_secret), variable
                if is_secret:
                    assert variable["valueFrom"]["secretKeyRef"]["key"] in text

    def test_probes_ask_health_routes(self, containers):
        """Readiness that of a load balancer, liveness only whether the process runs."""
        server = containers["server"][0]
        assert server["readinessProbe"]["httpGet"]["path"] == "/figserve/api/health/ready"
        assert server["livenessProbe"]["httpGet"]["path"] == "/figserve/api/health/live"
        assert containers["worker"][0]["readinessProbe"]["httpGet"]["path"] == "/healthz"

    def test_workers_have_no_way_out(self, manifests):
        """The policy selects them, allows HAProxy in and nothing out."""
        (policy,) = [one for one in manifests if one["kind"] == "NetworkPolicy"]
        (worker,) = [
            one for one in manifests if one["metadata"]["name"] == "test-worker" and one["kind"] == "Deployment"
        ]
        assert policy["spec"]["podSelector"]["matchLabels"] == worker["spec"]["template"]["metadata"]["labels"]
        assert (policy["spec"]["policyTypes"], policy["spec"]["egress"]) == (["Ingress", "Egress"], [])

    def test_names_within_the_chart(self, manifests):
        """Selectors match pods, and the server's renderer is a service of the chart."""
        services = {one["metadata"]["name"]: one["spec"] for one in manifests if one["kind"] == "Service"}
        labels = [one["spec"]["template"]["metadata"]["labels"] for one in manifests if one["kind"] == "Deployment"]
        assert all(service["selector"] in labels for service in services.values())
        text = json.dumps(manifests)
        assert set(re.findall(r"http://(test-[a-z]+):8750", text)) <= services.keys()

    def test_haproxy_finds_the_workers_by_whole_names(self, manifests):
        """It does not search the domains of a pod's resolv.conf; DNS over UDP has room for all workers."""
        services = {one["metadata"]["name"] for one in manifests if one["kind"] == "Service"}
        (rules,) = [one["data"]["haproxy.cfg"] for one in manifests if one["kind"] == "ConfigMap"]
        names = re.findall(r"server-template w \d+ (\S+):8750 resolvers cluster", rules)
        assert names == ["test-workers.plots.svc.cluster.local"] * 2
        assert names[0].partition(".")[0] in services
        assert "accepted_payload_size 8192" in rules


def render(template: str, values: dict[str, Any], release: str = "test") -> str:
    """Render a Helm template that uses only values, ``quote`` and unnested ``if``."""

    def look_up(path: str) -> Any:
        found: Any = {"Release": {"Name": release, "Namespace": "plots"}, "Values": values}
        for part in path.split(".")[1:]:
            found = found[part]
        return found

    def choose(match: re.Match[str]) -> str:
        return match[2] if look_up(match[1]) else ""

    def fill(match: re.Match[str]) -> str:
        value = look_up(match[1])
        return json.dumps(str(value)) if match[2] else str(value)

    text = re.sub(r"\s*\{\{- if (\.[\w.]+) \}\}(.*?)\s*\{\{- end \}\}", choose, template, flags=re.DOTALL)
    text = re.sub(r"\{\{ (\.[\w.]+)( \| quote)? \}\}", fill, text)
    assert "{{" not in text
    return text
