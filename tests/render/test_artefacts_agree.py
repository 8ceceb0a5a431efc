"""One truth across files: ports, names, limits, times and secrets are the same wherever they stand."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import crossplane  # type: ignore[import-untyped]
import pytest
from artefacts import NginxTree, Project, directives
from hosting import described, others

from generator.artefacts import PLATFORMS

SECONDS = re.compile(r"(\d+)s")


def services(project: Project) -> Mapping[str, Any]:
    """Read the services of the production stack."""
    found: Mapping[str, Any] = project.yaml("compose.yaml")["services"]
    return found


def nginx(project: Project, folder: Path) -> dict[str, list[list[str]]]:
    """Parse the directives of nginx by name."""
    NginxTree(project, folder)
    parsed = crossplane.parse(str(folder / "nginx.conf"), combine=True)
    assert parsed["status"] == "ok", parsed["errors"]
    found: dict[str, list[list[str]]] = {}
    for name, arguments in directives(parsed):
        found.setdefault(name, []).append(arguments)
    return found


def dockerfile(project: Project) -> list[tuple[str, str]]:
    """Read the instructions of the final stage."""
    text = project.text("Dockerfile").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines[last:]]


def test_limits_of_the_container_are_those_of_the_plan(project: Project) -> None:
    app = services(project)["app"]
    host = project.production["host"]
    limits = app["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) == host["cpus"]
    assert limits["memory"] == f"{host['memory_mb']}M"
    assert app["deploy"]["replicas"] == host["replicas"]
    assert app["ulimits"]["nofile"] == project.number("nofile")
    assert limits["pids"] > project.number("workers") * project.number("threads")


def test_service_reads_the_numbers_that_the_plan_gives(project: Project) -> None:
    server = project.settings()["server"]
    for name in ("workers", "keep_alive", "graceful_timeout", "limit_concurrency"):
        assert server[name] == project.number(name)
    assert server["planned_cpus"] == project.production["host"]["cpus"]


def test_times_to_stop_nest(project: Project) -> None:
    app = services(project)["app"]
    server = project.settings()["server"]
    stop = SECONDS.fullmatch(app["stop_grace_period"])
    assert stop
    assert int(stop[1]) == project.number("stop_grace")
    assert server["request_timeout"] <= server["graceful_timeout"] < int(stop[1])


def test_port_is_one(project: Project) -> None:
    instructions = dict(dockerfile(project))
    exposed = instructions["EXPOSE"]
    assert f"port: NonNegativeInt = {exposed}" in project.text("app/settings.py")
    app = services(project)["app"]
    assert f"127.0.0.1:{exposed}/livez" in instructions["HEALTHCHECK"]
    assert any(f"127.0.0.1:{exposed}/readyz" in word for word in app["healthcheck"]["test"])
    for published in app.get("ports", []):
        assert published.rsplit(":", 1)[1] == exposed


def test_only_the_edge_is_published(project: Project) -> None:
    for name, service in services(project).items():
        for port in service.get("ports", []):
            assert name == "nginx" or port.startswith("127.0.0.1:"), (name, port)


def test_containers_can_write_nowhere(project: Project) -> None:
    for name, service in services(project).items():
        assert "no-new-privileges:true" in service["security_opt"], name
        if name not in {"database", "broker"}:
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name


def test_image_runs_as_a_number_in_exec_form(project: Project) -> None:
    instructions = dict(dockerfile(project))
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", instructions["USER"])
    assert instructions["CMD"] == '["python", "-m", "app"]'
    assert not {"RUN", "ADD", "ARG"} & set(instructions)


def test_image_has_what_the_service_needs_and_no_more(project: Project) -> None:
    copied = [shlex.split(text) for name, text in dockerfile(project) if name == "COPY"]
    paths = {words[-2].removeprefix("/srv/") for words in copied if words[0] == "--from=build"}
    allowed = {line[1:] for line in project.text(".dockerignore").splitlines() if line[:1] == "!"}
    assert paths - {".venv", "/volume"} == allowed - {"pyproject.toml", "uv.lock"}
    for path in paths - {".venv", "/volume"}:
        assert (project.root / path).exists(), path
    assert ("migrations" in paths) == (project.root / "migrations").is_dir()


def test_secrets_have_a_file_and_a_maker(project: Project) -> None:
    stack = project.yaml("compose.yaml")
    defined = set(stack.get("secrets", {}))
    used = {
        secret if isinstance(secret, str) else secret["source"]
        for service in stack["services"].values()
        for secret in service.get("secrets", [])
    }
    assert used == defined
    for name in defined:
        assert stack["secrets"][name]["file"] == f"deploy/secrets/{name}"
        assert re.search(rf"^keep {name} ", project.text("deploy/secrets.sh"), re.M)
    assert "*" in project.text("deploy/secrets/.gitignore").splitlines() if defined else True


def test_no_secret_has_a_default(project: Project) -> None:
    for name, service in services(project).items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|TOKEN", key) and "RANDOM" not in key:
                assert str(value).startswith("/run/secrets/"), (name, key)
            assert not re.search(r"://[^/]+:[^/]+@", str(value)), (name, key)


def test_secret_settings_are_read_by_the_service(project: Project) -> None:
    fields = set(re.findall(r"^    (\w+): \w+", project.text("app/settings.py"), re.M))
    for secret in services(project)["app"].get("secrets", []):
        field = secret["target"].removeprefix("APP_").split("__")[0].lower()
        assert secret["target"].startswith("APP_")
        assert field in fields


def test_volumes_and_networks_are_all_defined(project: Project) -> None:
    stack = project.yaml("compose.yaml")
    for service in stack["services"].values():
        assert set(service.get("networks", [])) <= set(stack["networks"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith("./") or source in stack["volumes"], source
            assert not source.startswith("./") or (project.root / source).exists()
        assert set(service.get("depends_on", {})) <= set(stack["services"])


def test_migration_runs_before_the_service(project: Project) -> None:
    found = services(project)
    assert ("migrate" in found) == (project.root / "migrations").is_dir()
    if "migrate" in found:
        module = found["migrate"]["command"][-1]
        assert (project.root / f"{module.replace('.', '/')}.py").is_file()
        condition = found["app"]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully"


def test_workers_of_the_queue_are_there_and_no_more(project: Project) -> None:
    found = services(project)
    wanted = project.answers["queue"] != "background"
    assert ("worker" in found, "scheduler" in found) == (wanted, wanted)
    if wanted:
        assert found["scheduler"]["deploy"]["replicas"] == 1
        # Not disabled: `docker compose up --wait` takes that for a failure.
        assert found["worker"]["healthcheck"]["test"] == ["CMD", "true"]
        grace = SECONDS.fullmatch(found["worker"]["stop_grace_period"])
        assert grace
        assert int(grace[1]) > project.settings()["queue"]["stop_grace"]
        environment = set(found["worker"]["environment"])
        assert environment <= set(found["app"]["environment"])
        assert found["worker"].get("secrets") == found["app"].get("secrets")
        assert "ports" not in found["worker"], "what a worker tells is for the scraper alone"
        metrics = project.settings().get("worker_metrics")
        assert found["worker"].get("expose") == (metrics and [str(metrics["port"])])
        assert "expose" not in found["scheduler"]


def test_database_allows_what_the_plan_counts_with(project: Project) -> None:
    database = services(project).get("database")
    if database is None:
        pytest.skip("this project has no database server")
    limit = project.production["host"]["db_max_connections"]
    assert database["command"][-1].replace("--max-", "max_") == f"max_connections={limit}"
    keys = {"POSTGRES_USER", "MARIADB_USER"} & set(database["environment"])
    name = database["environment"][keys.pop()]
    assert f"://{name}:" in project.text("deploy/secrets.sh")


def test_database_is_looked_into_only_when_asked(project: Project) -> None:
    adminer = services(project).get("adminer")
    assert (adminer is None) == ("database" not in services(project))
    if adminer is None:
        pytest.skip("this project has no database server")
    assert adminer["profiles"] == ["admin"]
    assert all(port.startswith("127.0.0.1:") for port in adminer["ports"])
    assert adminer["environment"]["ADMINER_DEFAULT_SERVER"] == "database"
    assert set(services(project)["database"]["networks"]) & set(adminer["networks"])


def test_workflow_tests_against_what_is_deployed(project: Project) -> None:
    tests = project.yaml(".github/workflows/ci.yml")["jobs"]["test"]
    between = {"nginx", "certificate", "certbot", "pgbouncer", "prometheus", "grafana", "adminer"}
    backing = {
        one["image"]
        for name, one in services(project).items()
        if name not in between and "build" not in one
    }
    started = [
        step["run"].split()[5] for step in tests["steps"] if "docker run" in step.get("run", "")
    ]
    assert {one["image"] for one in tests.get("services", {}).values()} | set(started) == backing


def test_workflow_runs_on_the_python_of_the_image(project: Project) -> None:
    base = dockerfile(project)[0][1]
    tests = project.yaml(".github/workflows/ci.yml")["jobs"]["test"]
    assert f"python:{tests['strategy']['matrix']['python'][-1]}-slim-trixie" == base
    assert tests["strategy"]["matrix"]["python"][0] == "3.11"


def test_gitlab_asks_what_github_asks(pipelines: tuple[Project, Project]) -> None:
    workflows, pipeline = pipelines[0], pipelines[1].yaml(".gitlab-ci.yml")
    jobs = workflows.yaml(".github/workflows/ci.yml")["jobs"]
    for theirs, ours in {"check": "check", "test": "test", "image": "container-image"}.items():
        assert (theirs in jobs) == (ours in pipeline)
        if theirs in jobs:
            asked = [step["run"] for step in jobs[theirs]["steps"] if "run" in step]
            commands = [one.replace(" --output-format github", "") for one in asked]
            assert pipeline[ours]["script"] == [
                one for one in commands if not one.startswith("docker run")
            ]
            assert pipeline[ours]["timeout"] == f"{jobs[theirs]['timeout-minutes']} minutes"
            assert pipeline[ours]["extends"] == ".change"


def test_gitlab_tests_against_the_same_services(pipelines: tuple[Project, Project]) -> None:
    theirs = pipelines[0].yaml(".github/workflows/ci.yml")["jobs"]["test"]
    ours = pipelines[1].yaml(".gitlab-ci.yml")["test"]
    (matrix,) = ours["parallel"]["matrix"]
    assert matrix["PYTHON"] == theirs["strategy"]["matrix"]["python"]
    assert "-python$PYTHON-" in ours["image"]
    started = [
        step["run"].split() for step in theirs["steps"] if "docker run" in step.get("run", "")
    ]
    images = {one["image"] for one in theirs.get("services", {}).values()}
    found = {one["name"]: one for one in ours.get("services", [])}
    assert set(found) == images | {words[5] for words in started}
    assert [found[words[5]]["command"] for words in started] == [words[6:] for words in started]
    ports = {str(one["alias"]): one["variables"]["HEALTHCHECK_TCP_PORT"] for one in found.values()}
    assert set(ours.get("variables", {})) == set(theirs.get("env", {}))
    for name, value in ours.get("variables", {}).items():
        (alias,) = [one for one in ports if one in re.split(r"[:@/]+", value)]
        assert value.replace(alias, "127.0.0.1") == theirs["env"][name]
        assert name.endswith("_HOST") or f":{ports[alias]}" in value


def test_gitlab_asks_for_a_newer_template_on_schedule_alone(
    pipelines: tuple[Project, Project],
) -> None:
    pipeline = pipelines[1].yaml(".gitlab-ci.yml")
    assert pipeline[".change"]["rules"] == [{"if": '$CI_PIPELINE_SOURCE != "schedule"'}]
    assert pipeline["template-update"]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
    jobs = pipelines[0].yaml(".github/workflows/update.yml")["jobs"]
    (asked,) = [step["run"] for step in jobs["check"]["steps"] if "run" in step]
    (script,) = pipeline["template-update"]["script"]
    assert script.splitlines()[0] == asked.splitlines()[0]
    assert "exit 5" in script


def test_nginx_has_the_numbers_of_the_plan(edge: Project, tmp_path: Path) -> None:
    found = nginx(edge, tmp_path)
    for directive, number in {
        "worker_processes": "nginx_worker_processes",
        "worker_connections": "nginx_worker_connections",
        "worker_rlimit_nofile": "nginx_rlimit_nofile",
        "keepalive": "nginx_keepalive",
    }.items():
        assert found[directive] == [[str(edge.number(number))]]
    for directive, number in {
        "keepalive_timeout": "nginx_keepalive_timeout",
        "worker_shutdown_timeout": "nginx_shutdown_timeout",
        "proxy_read_timeout": "nginx_proxy_read_timeout",
    }.items():
        assert {text for (text,) in found[directive]} == {f"{edge.number(number)}s"}


def test_times_nest_from_nginx_to_the_service(edge: Project, tmp_path: Path) -> None:
    found = nginx(edge, tmp_path)
    server = edge.settings()["server"]
    (read,) = {int(text.removesuffix("s")) for (text,) in found["proxy_read_timeout"]}
    ((idle,),) = found["keepalive_timeout"]
    assert read > server["request_timeout"]
    assert server["keep_alive"] > int(idle.removesuffix("s"))
    grace = services(edge)["nginx"]["stop_grace_period"]
    ((shutdown,),) = found["worker_shutdown_timeout"]
    assert int(grace.removesuffix("s")) > int(shutdown.removesuffix("s"))


def test_nginx_asks_the_service_where_it_listens(edge: Project) -> None:
    exposed = dict(dockerfile(edge))["EXPOSE"]
    assert re.search(rf"^    server app:{exposed} ", edge.text("deploy/nginx/upstream.conf"), re.M)
    assert "app" in services(edge)
    resolves = " resolve;" in edge.text("deploy/nginx/upstream.conf")
    assert resolves == (edge.answers["nginx_version"] == "1.30")


def test_nginx_image_is_of_the_version_asked_for(edge: Project) -> None:
    assert services(edge)["nginx"]["image"] == f"nginx:{edge.answers['nginx_version']}-alpine"


def test_only_nginx_is_believed_about_clients(edge: Project, tmp_path: Path) -> None:
    stack = edge.yaml("compose.yaml")
    trusted = stack["services"]["app"]["environment"]["APP_SERVER__TRUSTED_PROXIES"]
    assert stack["networks"]["edge"]["ipam"]["config"] == [{"subnet": trusted}]
    assert "*" not in trusted
    found = nginx(edge, tmp_path)
    headers = {tuple(arguments) for arguments in found["proxy_set_header"]}
    assert ("X-Forwarded-For", "$remote_addr") in headers
    assert ("Forwarded", "") in headers
    assert not any("$proxy_add_x_forwarded_for" in value for _, value in headers)


def test_nginx_answers_for_the_domain_alone(edge: Project, tmp_path: Path) -> None:
    found = nginx(edge, tmp_path)
    names = {name for names in found["server_name"] for name in names}
    assert names == {edge.answers["domain"], "_", "localhost"}
    secure = edge.answers["tls"] != "none"
    assert ("ssl_reject_handshake" in found) == secure
    published = [port.split(":")[-1] for port in services(edge)["nginx"]["ports"]]
    fast = bool(edge.answers.get("http3"))
    assert published == ["80", *(["443"] if secure else []), *(["443/udp"] if fast else [])]
    assert any("quic" in arguments for arguments in found["listen"]) == fast
    assert ("http2" in found) == (secure and edge.answers["nginx_version"] != "1.22")


def test_certificate_is_read_where_it_is_written(edge: Project) -> None:
    mounts = dict(
        reversed(volume.removesuffix(":ro").split(":"))
        for volume in services(edge)["nginx"]["volumes"]
    )
    source = {"acme": "certificates", "provided": "./deploy/certificates", "none": None}
    assert mounts.get("/etc/nginx/certificates") == source[edge.answers["tls"]]
    assert mounts[f"/etc/nginx/{edge.name}"] == "./deploy/nginx"
    if edge.answers["tls"] == "acme":
        written = services(edge)["certbot"]["volumes"]
        assert "certificates:/etc/nginx/certificates" in written
        assert services(edge)["certificate"]["environment"]["DOMAIN"] == edge.answers["domain"]


def test_metrics_are_closed_at_the_edge(edge: Project) -> None:
    closed = re.search(r"location /metrics \{\s+return 404;", edge.text("deploy/nginx/site.conf"))
    assert closed


@pytest.fixture(params=PLATFORMS)
def platform(request: pytest.FixtureRequest) -> str:
    """Each managed platform."""
    name: str = request.param
    return name


def test_platforms_run_what_the_plan_counts_with(hosted: Project, platform: str) -> None:
    service = described(hosted, platform)["service"]
    host = hosted.production["host"]
    assert service.cpus == host["cpus"]
    assert service.memory_mb == host["memory_mb"]
    assert service.most == host["replicas"]
    assert service.least in {min(2, host["replicas"]), host["replicas"]}
    assert host["surge"] == host["replicas"], "a deployment starts as many beside the old ones"
    in_flight = hosted.number("workers") * hosted.number("max_in_flight")
    assert service.concurrency is None or 1 <= service.concurrency <= in_flight


def test_platforms_ask_where_the_image_listens(hosted: Project, platform: str) -> None:
    service = described(hosted, platform)["service"]
    assert str(service.port) == dict(dockerfile(hosted))["EXPOSE"]
    assert service.paths <= {"/livez", "/readyz"}
    assert service.paths


def test_platforms_kill_after_the_service_has_stopped(hosted: Project, platform: str) -> None:
    found = described(hosted, platform)
    server = hosted.settings()["server"]
    service = found["service"]
    graceful = int(
        service.variables.get("APP_SERVER__GRACEFUL_TIMEOUT", server["graceful_timeout"])
    )
    times = [graceful]
    for section in ("gunicorn", "granian"):
        planned = hosted.settings().get(section, {}).get("manager_timeout")
        name = f"APP_{section.upper()}__MANAGER_TIMEOUT"
        times += [int(service.variables.get(name, planned))] if planned else []
    assert sorted(set(times)) == times
    assert service.grace
    assert times[-1] < service.grace
    for name in others(hosted):
        planned = hosted.settings()["queue"]["stop_grace"]
        worker = found[name]
        assert worker.grace
        assert int(worker.variables.get("APP_QUEUE__STOP_GRACE", planned)) < worker.grace


def test_platforms_give_all_processes_the_same_settings(hosted: Project, platform: str) -> None:
    found = described(hosted, platform)
    service = found["service"]
    for process in found.values():
        assert process.variables == service.variables
        assert process.secrets == service.secrets
        assert process.image == service.image
    assert service.variables["APP_ENVIRONMENT"] == "production"
    assert "*" not in service.variables["APP_SERVER__TRUSTED_PROXIES"]
    fields = set(re.findall(r"^    (\w+): \w+", hosted.text("app/settings.py"), re.M))
    for name in {*service.variables, *service.secrets}:
        assert name.removeprefix("APP_").split("__")[0].lower() in fields, name


def test_platforms_hold_no_secret(hosted: Project, platform: str) -> None:
    service = described(hosted, platform)["service"]
    wanted = {"database": "server_database", "cache": "cache_remote", "queue": "queue_broker"}
    sections = {section for section, layer in wanted.items() if hosted.answers["on"][layer]}
    given = {name.removeprefix("APP_").split("__")[0].lower() for name in service.secrets}
    assert given == sections
    for value in service.variables.values():
        assert "://" not in str(value)


def test_platforms_run_the_processes_of_the_project(hosted: Project, platform: str) -> None:
    found = described(hosted, platform)
    migrates = ["migrate"] if (hosted.root / "migrations").is_dir() else []
    assert set(found) == {"service", *others(hosted), *migrates}
    for name, process in found.items():
        if process.command is None:
            assert name == "service", "the image's own command"
            continue
        assert process.command[:2] == ["python", "-m"]
        module = hosted.root / process.command[2].replace(".", "/")
        assert module.is_dir() or module.with_suffix(".py").is_file()
    if others(hosted):
        assert found["scheduler"].most == 1
        assert found["worker"].most == hosted.number("queue_workers")


def test_platforms_share_one_image(hosted: Project) -> None:
    images = {one.image for name in PLATFORMS for one in described(hosted, name).values()}
    assert images - {None} == {f"registry.example.com/{hosted.name}:0.1.0"}


FREE = "APP_TELEMETRY__ENDPOINT", "APP_TELEMETRY__HEADERS"
"""Where telemetry goes, and its key: no file can know them, and the service works without."""


def wants_telemetry(project: Project) -> bool:
    """Say whether somebody has to name a collector."""
    return project.answers["metrics"] in {"opentelemetry", "both"}


def test_platforms_name_the_collector_to_be_filled_in(hosted: Project, platform: str) -> None:
    endpoint, headers = FREE
    for name, process in described(hosted, platform).items():
        assert process.variables.get(endpoint) == ("" if wants_telemetry(hosted) else None), name
        assert headers not in process.secrets, "it may not be there: nothing would start"
    said = texts(hosted, platform)
    assert (f"{headers}" in said) == wants_telemetry(hosted)
    assert ("Fill in your collector" in said) == wants_telemetry(hosted)


def texts(project: Project, target: str) -> str:
    """What all files of a target say."""
    top = {"fly": ["fly.toml"], "render": ["render.yaml"], "railway": ["railway.json"]}
    folder = project.root / "deploy" / target
    paths = [*folder.rglob("*.*"), *(project.root / name for name in top.get(target, []))]
    return "\n".join(path.read_text("utf-8") for path in paths if path.is_file())


def test_compose_passes_the_collector_on(project: Project) -> None:
    for name in ("app", "worker"):
        environment = services(project).get(name, {}).get("environment", {})
        for setting in FREE:
            wanted = f"${{{setting}:-}}" if wants_telemetry(project) and environment else None
            assert environment.get(setting) == wanted


def test_units_say_where_the_collector_is_named(machine: Project) -> None:
    said = texts(machine, "systemd")
    assert all((f"\n# {name}=" in said) == wants_telemetry(machine) for name in FREE)


def test_pods_get_the_collector_and_its_key(cluster: Project) -> None:
    endpoint, headers = FREE
    for environment in ("staging", "production"):
        path = f"deploy/kubernetes/overlays/{environment}/kustomization.yaml"
        literals = cluster.yaml(path)["configMapGenerator"][0]["literals"]
        assert (f"{endpoint}=" in literals) == wants_telemetry(cluster)
    guide = cluster.text("deploy/kubernetes/README.md")
    assert (f"--from-literal={headers}=" in guide) == wants_telemetry(cluster)
    pod = cluster.yaml("deploy/kubernetes/base/deployment.yaml")["spec"]["template"]["spec"]
    mounted = [one["secret"] for one in pod["volumes"] if "secret" in one]
    secrets = re.findall(r"--from-literal=(APP_\w+)", guide)
    assert len(mounted) == bool(secrets)
    # Without the key, and without other secrets, nobody makes one: the pods start all the same.
    assert all(one.get("optional", False) == (secrets == [headers]) for one in mounted)
