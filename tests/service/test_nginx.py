"""Real nginx, with the files of a project, in front of the project's real service."""

import gzip
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edge_probe
import harness
import http3
import pytest
from artefacts import (
    NginxTree,
    Project,
    free_port,
    nginx_command,
    render,
    run,
    started,
    tool,
    wait_for_port,
)
from harness import Server

pytestmark = pytest.mark.service
DOMAIN = "demo.example.com"
EMPTY_REPLY = 52
SSL_CONNECT_ERROR = 35
"""Exit codes of curl."""


@dataclass
class Answer:
    """What curl saw."""

    exit_code: int
    status: int
    protocol: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        """Give every value of a header."""
        return [value for key, value in self.headers if key == name.lower()]

    @property
    def json(self) -> Any:  # noqa: ANN401 - any document
        """Read the body as JSON."""
        return json.loads(self.body)


class Site:
    """A service behind nginx, and a client for it."""

    def __init__(self, tree: NginxTree, service: Server | None = None) -> None:
        """`service` is the one that nginx asks."""
        self.tree = tree
        self.service = service

    def get(self, path: str, *options: str, scheme: str = "https", host: str = DOMAIN) -> Answer:
        """Ask for a path, with further options of curl."""
        port = self.tree.ports["443" if scheme == "https" else "80"]
        head, body = self.tree.root / "head", self.tree.root / "body"
        for path_of in (head, body):
            path_of.write_bytes(b"")
        done = run(
            [
                *(tool("curl"), "--silent", "--insecure", "--max-time", "20"),
                *("--resolve", f"{host}:{port}:127.0.0.1", "--header", f"Host: {host}"),
                *("--dump-header", head, "--output", body, "--write-out", "%{http_version}"),
                *(*options, f"{scheme}://{host}:{port}{path}"),
            ],
            self.tree.root,
        )
        lines = head.read_text("latin-1").splitlines()
        fields = [line.split(": ", 1) for line in lines[1:] if ": " in line]
        headers = [(name.lower(), value) for name, value in fields]
        status = int(lines[0].split()[1]) if lines else 0
        return Answer(done.returncode, status, done.stdout, headers, body.read_bytes())

    def log(self) -> list[dict[str, Any]]:
        """Read the access log of nginx."""
        text = (self.tree.root / "logs" / "access.log").read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()]


def rendered(**answers: object) -> Project:
    """Render a project without a database, whose limit per address the tests do not reach."""
    return render(**{"db_driver": "none", "target_rps": 3000} | answers)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run the service of a rendered project, with a few routes more."""
    folder = tmp_path_factory.mktemp("service") / "demo"
    made = harness.project(folder, {"APP_ENVIRONMENT": "production"}, db_driver="none")
    edge_probe.add_to(folder)
    with harness.serve(made) as server:
        yield server


@pytest.fixture(scope="module", params=["1.22", "1.26", "1.30"])
def site(
    request: pytest.FixtureRequest,
    service: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """Run each version of nginx in front of the service."""
    nginx = nginx_command(request.param)
    root = tmp_path_factory.mktemp("nginx")
    project = rendered(nginx_version=request.param)
    tree = NginxTree(project, root, upstream=service.address.removeprefix("http://"))
    static = root / "demo" / "static"
    (static / "app-5d41402abc4b.css").write_text("body { margin: 0 }")
    with started(tree.command(nginx), root, tree.ports["80"]):
        yield Site(tree, service)


def test_request_is_answered_over_http_2(site: Site) -> None:
    answer = site.get("/livez")
    assert (answer.status, answer.protocol, answer.json) == (200, "2", {"status": "ok"})


def test_request_is_answered_over_http_1(site: Site) -> None:
    answer = site.get("/livez", "--http1.1")
    assert (answer.status, answer.protocol) == (200, "1.1")


def test_old_tls_is_refused(site: Site) -> None:
    answer = site.get("/livez", "--tls-max", "1.1")
    assert answer.exit_code == SSL_CONNECT_ERROR


def test_plain_http_is_redirected_to_the_configured_name(site: Site) -> None:
    answer = site.get("/probe/seen?a=1", scheme="http")
    assert answer.status == 308
    assert answer.header("Location") == [f"https://{DOMAIN}/probe/seen?a=1"]


def test_challenge_of_the_authority_is_answered_over_plain_http(site: Site) -> None:
    folder = site.tree.root / "acme" / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token").write_text("proof")
    answer = site.get("/.well-known/acme-challenge/token", scheme="http")
    assert (answer.status, answer.body) == (200, b"proof")


@pytest.mark.parametrize(("scheme", "code"), [("http", EMPTY_REPLY), ("https", SSL_CONNECT_ERROR)])
def test_unknown_host_is_refused(site: Site, scheme: str, code: int) -> None:
    answer = site.get("/livez", scheme=scheme, host="other.example.com")
    assert answer.exit_code == code


def test_client_cannot_choose_its_address(site: Site) -> None:
    spoofed = ("X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6", "X-Forwarded-Proto: gopher")
    options = [word for header in spoofed for word in ("--header", header)]
    seen = site.get("/probe/seen", *options).json
    assert (seen["client"], seen["scheme"]) == ("127.0.0.1", "https")
    assert "forwarded" not in seen["headers"]
    assert seen["headers"]["host"] == DOMAIN
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"


def test_large_answers_are_compressed_once(site: Site) -> None:
    answer = site.get("/probe/large", "--header", "Accept-Encoding: gzip")
    assert answer.header("Content-Encoding") == ["gzip"]
    assert json.loads(gzip.decompress(answer.body)) == {"text": "word " * 2000}
    assert "accept-encoding" in [value.lower() for value in answer.header("Vary")]


@pytest.mark.parametrize("path", ["/livez", "/probe/events"])
def test_small_answers_and_event_streams_are_not_compressed(site: Site, path: str) -> None:
    answer = site.get(path, "--header", "Accept-Encoding: gzip")
    assert answer.status == 200
    assert answer.header("Content-Encoding") == []


def test_metrics_are_not_for_the_public(site: Site, service: Server) -> None:
    assert site.get("/metrics").status == 404
    assert site.get("/metrics/").status == 404
    assert "http_request_duration_seconds" in service.get("/metrics")[1]


def test_static_files_never_reach_the_service(site: Site, service: Server) -> None:
    before = service.output()
    hashed = site.get("/static/app-5d41402abc4b.css")
    plain = site.get("/static/robots.txt")
    assert hashed.header("Cache-Control") == ["public, max-age=31536000, immutable"]
    assert plain.header("Cache-Control") == ["public, max-age=300"]
    assert plain.header("X-Content-Type-Options") == ["nosniff"]
    assert service.output() == before
    for path in ("/static/../http.conf", "/static../http.conf", "/static/%2e%2e/http.conf"):
        assert site.get(path, "--path-as-is").status == 404


def test_request_id_is_kept_only_in_a_safe_form(site: Site) -> None:
    kept = site.get("/probe/seen", "--header", "X-Request-ID: order-4711-abc")
    assert kept.header("X-Request-ID") == ["order-4711-abc"]
    assert kept.json["headers"]["x-request-id"] == "order-4711-abc"
    forged = site.get("/probe/seen", "--header", 'X-Request-ID: a"b{c}')
    (given,) = forged.header("X-Request-ID")
    assert len(given) == 32
    assert forged.json["headers"]["x-request-id"] == given
    assert given in [line["request_id"] for line in site.log()]


@pytest.mark.parametrize("path", ["/probe/seen", "/static/robots.txt", "/metrics", "/missing"])
def test_security_headers_are_on_every_answer_once(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.header("Strict-Transport-Security") == ["max-age=63072000"]
    assert answer.header("X-Content-Type-Options") == ["nosniff"]
    assert answer.header("X-Frame-Options") == ["DENY"]
    assert len(answer.header("X-Request-ID")) == 1
    assert answer.header("Server") == ["nginx"]


def test_log_has_no_query_strings(site: Site) -> None:
    site.get("/probe/seen?token=secret-4711")
    line = next(line for line in reversed(site.log()) if line["path"] == "/probe/seen")
    assert line["status"] == "200"
    assert "secret-4711" not in (site.tree.root / "logs" / "access.log").read_text("utf-8")


def test_maintenance_page_is_for_people_and_programs(site: Site) -> None:
    flag = site.tree.root / "demo" / "maintenance.on"
    flag.touch()
    try:
        page = site.get("/probe/seen", "--header", "Accept: text/html")
        problem = site.get("/probe/seen", "--header", "Accept: application/json")
    finally:
        flag.unlink()
    assert (page.status, page.header("Content-Type")) == (503, ["text/html"])
    assert b"Back soon" in page.body
    assert problem.status == 503
    assert problem.header("Content-Type") == ["application/problem+json"]
    assert problem.json["status"] == 503
    assert problem.header("Retry-After") == ["30"]
    assert len(problem.header("X-Request-ID")) == 1
    assert site.get("/probe/seen").status == 200


def test_problems_of_the_service_pass_through(site: Site) -> None:
    answer = site.get("/missing")
    assert answer.status == 404
    assert answer.header("Content-Type") == ["application/problem+json"]


def test_events_arrive_when_they_are_sent(site: Site) -> None:
    port = site.tree.ports["443"]
    command = [
        *(tool("curl"), "--silent", "--insecure", "--no-buffer", "--resolve"),
        *(f"{DOMAIN}:{port}:127.0.0.1", f"https://{DOMAIN}:{port}/probe/events"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
        assert client.stdout
        first = client.stdout.readline()
        still_sending = client.poll() is None
        rest = client.stdout.read()
    assert first.startswith(b"data: 0")
    assert still_sending
    assert rest.count(b"data: ") == 2


def test_websocket_passes_through(site: Site, tmp_path: Path) -> None:
    port = site.tree.ports["443"]
    # The service's own environment has a WebSocket client.
    python = harness.python_for(harness.render(tmp_path / "demo", db_driver="none"))
    script = (
        "import asyncio, ssl, websockets\n"
        "async def main():\n"
        "    context = ssl._create_unverified_context()\n"
        f"    async with websockets.connect('wss://{DOMAIN}:{port}/probe/echo', host='127.0.0.1',"
        " ssl=context) as socket:\n"
        "        await socket.send('hello')\n"
        "        print(await socket.recv())\n"
        "asyncio.run(main())\n"
    )
    done = run([python, "-c", script], site.tree.root)
    assert done.stdout.strip() == "hello from 127.0.0.1", done.stderr[-500:]


def test_reload_loses_no_request(site: Site) -> None:
    pid = int((site.tree.root / "tmp" / "nginx.pid").read_text())
    port = site.tree.ports["443"]
    command = [
        *(tool("curl"), "--silent", "--insecure", "--resolve", f"{DOMAIN}:{port}:127.0.0.1"),
        *("--write-out", "%{http_code}\n", "--output", "/dev/null"),
        f"https://{DOMAIN}:{port}/probe/slow?[1-25]",
    ]
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    for _ in range(3):
        time.sleep(1)
        subprocess.run(["/bin/kill", f"-{signal.SIGHUP.value}", str(pid)], check=True)
    codes = [code for client in clients for code in client.communicate(timeout=60)[0].split()]
    assert codes == [b"200"] * 75


@pytest.mark.parametrize("version", ["1.26", "1.30"])
def test_request_is_answered_over_http_3(version: str, tmp_path: Path, service: Server) -> None:
    nginx = nginx_command(version)
    project = rendered(nginx_version=version, http3=True)
    tree = NginxTree(project, tmp_path, upstream=service.address.removeprefix("http://"))
    with started(tree.command(nginx), tmp_path, tree.ports["443"]):
        headers, body = http3.get(tree.ports["443"], DOMAIN, "/livez")
        assert (headers[":status"], json.loads(body)) == ("200", {"status": "ok"})
        # This is how a browser learns of it.
        offered = Site(tree).get("/livez").header("Alt-Svc")
        assert offered == ['h3=":443"; ma=86400']
        with pytest.raises(ConnectionError):
            http3.get(tree.ports["443"], "other.example.com", "/livez")


def test_one_address_cannot_flood(tmp_path: Path, service: Server) -> None:
    nginx = nginx_command("1.22")
    project = rendered(target_rps=1, nginx_version="1.22")
    tree = NginxTree(project, tmp_path, upstream=service.address.removeprefix("http://"))
    with started(tree.command(nginx), tmp_path, tree.ports["80"]):
        site = Site(tree, service)
        curl = ["--parallel", "--parallel-max", "20", "--globoff"]
        port = tree.ports["443"]
        urls = [f"https://{DOMAIN}:{port}/probe/seen"] * 60
        done = run(
            [
                *(tool("curl"), "--silent", "--insecure", "--resolve"),
                *(f"{DOMAIN}:{port}:127.0.0.1", "--write-out", "%{http_code}\n", *curl),
                *(word for url in urls for word in ("--output", "/dev/null", url)),
            ],
            tmp_path,
        )
        codes = done.stdout.split()
        assert set(codes) == {"200", "429"}
        assert site.log()


def test_service_that_is_gone_gives_problem_details(tmp_path: Path) -> None:
    nginx = nginx_command("1.22")
    tree = NginxTree(rendered(nginx_version="1.22"), tmp_path, upstream=f"127.0.0.1:{free_port()}")
    with started(tree.command(nginx), tmp_path, tree.ports["80"]) as process:
        wait_for_port(tree.ports["443"], process)
        site = Site(tree)
        answer = site.get("/orders?token=4711", "--request", "POST")
        (line,) = site.log()
    assert answer.status == 502
    # What was asked for, not the page that is shown instead.
    assert (line["method"], line["path"], line["status"]) == ("POST", "/orders", "502")
    assert answer.header("Content-Type") == ["application/problem+json"]
    assert answer.header("Retry-After") == ["30"]
