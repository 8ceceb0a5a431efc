"""The default project behind the rendered nginx, over TLS."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import artefacts
import harness
from artefacts import NginxTree
from bench_data import post
from machine import ALL
from pressure import CONNECTIONS, Load, wrk
from report import versions
from tools import debian

from .launch import PORT, WARM_SECONDS, Contender, started, variables
from .ours import ROW, ROWS

TARGETS = {"target_rps": 10_000, "target_p95_ms": 600, "target_error_rate": 1}
"""Answers of the project: the limits of its nginx come from them too."""
MISSING = "not measured: h2load is missing (Debian has it in nghttp2-client)"


def measured(folder: Path, seconds: int, load: float) -> str:
    """The section of `bench/README.md`."""
    project = artefacts.render(**TARGETS)
    service = harness.rendered(project.root, {"APP_ENVIRONMENT": "production"})
    service.run("app.migrate")
    nginx = debian.nginx(project.answers["nginx_version"])
    with started(_contender(service)) as server:
        _fill(server)
        rows = {"HTTP/1.1 to the service, without nginx": _http_1(server.address, seconds)}
        with _edge(project, folder, server.address, nginx) as tree:
            address = f"https://127.0.0.1:{tree.ports['443']}"
            host = project.answers["domain"]
            rows["HTTP/1.1"] = _http_1(address, seconds, "-H", f"Host: {host}")
            rows["HTTP/2"] = _http_2(host, tree.ports["443"], folder, seconds)
    what = versions("fastapi", "uvicorn", "sqlalchemy", "aiosqlite", python=service.python)
    return (
        f"{what} nginx {project.answers['nginx_version']}, wrk and h2load, {CONNECTIONS} connections, {seconds} s."
        f" Load of the machine before: {load:.1f}.\n\n"
        f"`fastgen new --defaults` with the targets as answers: SQLite, a cache in memory, uvicorn with the"
        f" planned workers; one product by its key, {ROWS:,} in the table. Clients, nginx and service share"
        f" {len(ALL)} processors. The limit of requests of one client holds for each connection instead of"
        " each address, because all come from one; connections stay open however many requests they had,"
        " because h2load opens no new ones.\n\n"
    ) + _table(rows)


def _contender(service: harness.Project) -> Contender:
    """Start as many workers as are planned, as behind nginx."""
    own = {"APP_SERVER__PORT": PORT, "APP_SERVER__TRUSTED_PROXIES": "127.0.0.1"}
    command = [str(service.python), "-m", "app"]
    environment = variables(service.environment, own)
    return Contender("/livez", command, service.path, environment, processors=ALL)


def _fill(server: harness.Server) -> None:
    product = {"name": "A product", "category": "c", "price_cents": 1}
    post(server, "/products/batch", [product | {"sku": f"sku-{n}"} for n in range(ROWS)])


@contextmanager
def _edge(
    project: artefacts.Project, folder: Path, address: str, nginx: list[str]
) -> Iterator[NginxTree]:
    """Run nginx, with the few changes that a load from one address and without DNS needs."""
    root = folder / "nginx"
    root.mkdir()
    tree = NginxTree(project, root, upstream=address.removeprefix("http://"))
    domain = project.answers["domain"]
    _change(root / project.name / "http.conf", "$binary_remote_addr zone=", "$connection zone=", 2)
    # wrk names the address in TLS, as it cannot be told another name. h2load opens no new
    # connection when nginx closes one, which it does after 1,000 requests.
    _change(
        root / project.name / "site.conf",
        f"server_name {domain};",
        f"server_name {domain} 127.0.0.1; keepalive_requests {10**9};",
        2,
    )
    with artefacts.started(tree.command(nginx), root, tree.ports["443"]):
        yield tree


def _change(path: Path, before: str, after: str, count: int) -> None:
    text = path.read_text("utf-8")
    if text.count(before) != count:
        raise RuntimeError(f"{path.name}: {before!r} is there {text.count(before)} times")
    path.write_text(text.replace(before, after), "utf-8")


def _http_1(address: str, seconds: int, *options: str) -> Load:
    wrk(address + ROW, WARM_SECONDS, *options)
    return wrk(address + ROW, seconds, *options)


def _http_2(host: str, port: int, folder: Path, seconds: int) -> Load | None:
    """Use h2load, one stream in each connection; its log has every request."""
    if shutil.which("h2load") is None:
        return None
    log = folder / "requests.tsv"
    command = [
        "h2load",
        f"-c{CONNECTIONS}",
        "-m1",
        f"-D{seconds}",
        f"--warm-up-time={WARM_SECONDS}",
    ]
    command += [
        f"--log-file={log}",
        f"--connect-to=127.0.0.1:{port}",
        f"https://{host}:{port}{ROW}",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return _logged(log)


def _logged(log: Path) -> Load:
    rows = [line.split("\t") for line in log.read_text("ascii").splitlines()]
    answered = [(int(status), int(microseconds) / 1000) for _, status, microseconds, *_ in rows]
    times = sorted(time for _, time in answered)
    starts = [int(start) for start, *_ in rows]
    lost = sum(status < 0 for status, _ in answered)
    refused = sum(status >= 400 for status, _ in answered)

    def at(share: float) -> float:
        return times[min(len(times) - 1, int(len(times) * share))]

    seconds = (max(starts) - min(starts)) / 1e6
    return Load(len(times) - lost, seconds, at(0.50), at(0.95), at(0.99), refused, lost)


def _table(rows: Mapping[str, Load | None]) -> str:
    lines = [
        "| protocol | requests/s | p50 ms | p95 ms | p99 ms | errors | targets |",
        "|---|---|---|---|---|---|---|",
        f"| target | {TARGETS['target_rps']} | | below {TARGETS['target_p95_ms']} | | below"
        f" {TARGETS['target_error_rate']} % | |",
    ]
    lines += [
        f"| {name} | {_cells(load) if load else f'{MISSING} | | | | |'} |"
        for name, load in rows.items()
    ]
    return "\n".join(lines)


def _cells(load: Load) -> str:
    met = {
        "throughput": load.rate >= TARGETS["target_rps"],
        "p95": load.p95 < TARGETS["target_p95_ms"],
        "errors": load.errors * 100 < TARGETS["target_error_rate"],
    }
    verdict = ", ".join(f"{name} {'met' if ok else '**missed**'}" for name, ok in met.items())
    times = " | ".join(f"{time:.2f}" for time in (load.p50, load.p95, load.p99))
    return f"{load.rate:.0f} | {times} | {load.errors:.2%} | {verdict}"
