"""What metrics, traces and logs cost: CPU time of one request inside the process.

`python bench/bench_telemetry.py` needs the development requirements. One request is a route that
returns a small object, called through the application without a server; the CPU time of the exporters'
threads counts, that of the collector does not (it is a process of its own, which decodes nothing).
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests" / "service"), str(ROOT / "tests")]

from harness import Project, free_port, project  # noqa: E402 - found through the path above
from report import interleaved, publish, table, versions  # noqa: E402

REQUESTS = 10_000
ROUNDS = 3
PROBE = Path(__file__).parent / "telemetry_probe.py"
COLLECTOR = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Peer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Peer).serve_forever()
"""
OFF = '{"tracing": False, "metrics": False, "logs": False}'
NATIVE = '{"operation_spans": False, "logs": False}'


@contextmanager
def collector() -> Iterator[str]:
    """A process that takes everything and looks at nothing."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", COLLECTOR, str(port)])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def contender(made: Project, *arguments: str, **variables: str) -> Callable[[], float]:
    """Measure in a process of its own; microseconds for one request."""
    variables |= {"APP_ENVIRONMENT": "production", "PYTHONPATH": str(made.path)}

    def run() -> float:
        command = [str(made.python), str(PROBE), str(REQUESTS), *arguments]
        done = subprocess.run(
            command,
            cwd=made.path,
            env=made.variables(variables),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
        return float(done.stderr.splitlines()[-1])

    return run


def main() -> None:
    """Measure, and write the section of `bench/README.md`."""
    with tempfile.TemporaryDirectory() as directory, collector() as endpoint:
        made = {
            metrics: project(Path(directory) / metrics, db_driver="none", metrics=metrics)
            for metrics in ("none", "prometheus", "opentelemetry", "both")
        }
        otel, both = made["opentelemetry"], made["both"]
        shutil.copytree(made["none"].path, Path(directory) / "native")
        own = Project(Path(directory) / "native", otel.python)
        main_module = own.path / "app" / "main.py"
        main_module.write_text(main_module.read_text().replace(OFF, NATIVE), encoding="utf-8")
        sent = {"APP_TELEMETRY__ENDPOINT": endpoint}

        def share(ratio: str) -> dict[str, str]:
            return {**sent, "APP_TELEMETRY__SAMPLE_RATIO": ratio}

        figures = interleaved(
            {
                "metrics=none": contender(made["none"]),
                "metrics=prometheus": contender(made["prometheus"]),
                "metrics=opentelemetry, no endpoint": contender(otel),
                "metrics=opentelemetry, no trace recorded, no logs": contender(
                    otel, **share("0"), APP_TELEMETRY__LOGS="false"
                ),
                "metrics=opentelemetry, a tenth recorded, no logs": contender(
                    otel, **share("0.1"), APP_TELEMETRY__LOGS="false"
                ),
                "metrics=opentelemetry, all recorded, no logs": contender(
                    otel, **share("1"), APP_TELEMETRY__LOGS="false"
                ),
                "metrics=opentelemetry, a tenth recorded (production)": contender(
                    otel, **share("0.1")
                ),
                "metrics=opentelemetry, all recorded": contender(otel, **share("1")),
                "metrics=both, a tenth recorded (production)": contender(both, **share("0.1")),
                "FastAPI's own traces and metrics, all recorded, no logs": contender(own, endpoint),
            },
            ROUNDS,
        )
        line = versions("fastapi", "opentelemetry-sdk", python=otel.python)
    body = f"{line} {REQUESTS} requests, {ROUNDS} rounds.\n\n"
    body += table(figures, "metrics=none", "µs CPU", 1)
    publish("Telemetry", "python bench/bench_telemetry.py", body)


if __name__ == "__main__":
    main()
