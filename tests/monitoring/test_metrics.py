"""The metrics of a state: what they count, how few their labels are, and the ways out."""

import json
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from deployment_system.deploy.measuring import MOST_PLANS, write_recoveries
from deployment_system.deploy.project import open_project
from deployment_system.error_handling import DockerError, ErrorReporter
from deployment_system.error_handling.recovery_manager import Recovery, RecoveryOutcome
from deployment_system.error_handling.recovery_plans import RecoveryPlan, RecoveryStrategy
from deployment_system.error_handling.store import Measure, open_store
from deployment_system.error_handling.store.measures import duration
from deployment_system.monitoring.exposition import as_text, openmetrics_is_accepted
from deployment_system.monitoring.metrics import METRICS, Kind
from deployment_system.monitoring.reading import families_without_state, read_families
from deployment_system.monitoring.samples import Bounds
from tests.monitoring.serving import serving, wait_for
from tests.prometheus_world import checked, free_port, program, receiver
from tests.repositories import Repository

PREFIX = "deployment_system_"
BOUNDS = Bounds(("development", "production"))


def state_file(repository: Repository) -> Path:
    return repository.root / ".deployment-system" / "state.db"


def numbers(text: str) -> dict[str, float]:
    """Each series of an exposition with its number."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name.removeprefix(PREFIX)}{{{labels}}}"] = sample.value
    return found


def test_what_a_command_shows_and_a_server_shows_is_the_same(kept: Repository) -> None:
    """Both read the state. What is unknown is one environment; what has none is one more."""
    shown = numbers(kept.run("metrics", "show").output)
    with serving(kept) as running:
        served = numbers(running.get("/metrics").text)
    assert shown == {name: value for name, value in served.items() if "dependency_up" not in name}
    errors = "errors_total{category=docker,code=DOCKER_BUILD_FAILED,environment=production,severity=high}"
    assert shown[errors] == 5
    away = {name: value for name, value in shown.items() if "category=prefect_api" in name}
    assert sorted(re.findall("environment=(.*?),", " ".join(away))) == ["development", "other"]
    assert shown["transactions_total{environment=development,outcome=completed}"] == 5
    assert shown["transactions_total{environment=production,outcome=rolled_back}"] == 1
    assert shown["transactions_total{environment=production,outcome=completed}"] == 0
    assert shown["rollback_duration_seconds_count{environment=production}"] == 1
    assert shown["transactions_open{environment=production}"] == 1, "its process is this one"
    assert shown["transactions_unfinished{environment=production}"] == 0


def test_promtool_finds_no_fault(kept: Repository) -> None:
    """With every metric in it."""
    with open_store(state_file(kept)) as store:
        for metric in METRICS:
            if metric.measure:
                labels = {label: (values or ("production",))[0] for label, values in metric.labels.items()}
                found = [Measure(metric.measure, 1, labels)]
                store.measures.write(
                    duration(metric.measure, 1, labels) if metric.kind is Kind.HISTOGRAM else found
                )
    text = kept.run("metrics", "show").output
    assert checked("promtool", "check", "metrics", content=text) == ""
    shown = {re.sub("_(bucket|sum|count)$", "", name.partition("{")[0]) for name in numbers(text)}
    assert {f"{PREFIX}{name}" for name in shown} == {
        metric.name for metric in METRICS if not metric.name.endswith("dependency_up")
    }


def test_openmetrics_is_given_to_who_accepts_it(kept: Repository) -> None:
    """As Prometheus asks for it; anybody else gets the text format, whatever the header says."""
    with serving(kept) as running:
        accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
        answer = running.get("/metrics", Accept=accept)
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert answer.text.endswith("# EOF\n")
        for odd in ("", "*/*", "text/plain;version=x;;=,", "application/json", ",;,"):
            assert running.get("/metrics", Accept=odd).headers["Content-Type"].startswith("text/plain")
    assert not openmetrics_is_accepted(None)


def test_labels_are_bounded_whatever_is_in_the_state(kept: Repository) -> None:
    """A thousand environments, codes and outcomes that nobody knows are a handful of series."""
    with open_store(state_file(kept)) as store:
        before = as_text(read_families(store, BOUNDS)).count("\n")
        store.measures.write(
            Measure(
                name, 1, {"environment": f"e{n}", "outcome": f"o{n}", "service": f"s{n}", "code": f"c{n}"}
            )
            for name in ("transactions", "requests", "failed_attempts", "give_ups", "commands")
            for n in range(300)
        )
        store.measures.write(
            each
            for n in range(300)
            for each in duration("command_seconds", n, {"environment": f"e{n}", "command": "x"})
        )
    with ErrorReporter(history=state_file(kept)) as reporter:
        reporter.report_errors(
            [DockerError("x", error_code=f"MINE_{n}") for n in range(300)], environment="production"
        )
    with open_store(state_file(kept)) as store:
        text = as_text(read_families(store, BOUNDS))
    assert text.count("\n") - before < 40
    found = numbers(text)
    assert found["transactions_total{environment=other,outcome=other}"] == 300
    assert found["command_duration_seconds_count{command=other,environment=other}"] == 300
    assert found["command_duration_seconds_sum{command=other,environment=other}"] == sum(range(300))
    assert (
        sum(value for name, value in found.items() if "errors_total{" in name and "code=other" in name) == 300
    )


def test_a_histogram_is_cumulative(kept: Repository) -> None:
    """As Prometheus reads it: each bucket holds those before it."""
    with open_store(state_file(kept)) as store:
        for seconds in (0.05, 0.05, 3, 4000):
            store.measures.write(duration("image_seconds", seconds, {"environment": "production"}))
        found = numbers(as_text(read_families(store, BOUNDS)))
    buckets = {
        float(re.search("le=(.*?)}", name).group(1)): value  # type: ignore[union-attr]
        for name, value in found.items()
        if name.startswith("image_build_duration_seconds_bucket{environment=production")
    }
    assert (buckets[0.1], buckets[2.5], buckets[5.0], buckets[1800.0], buckets[math.inf]) == (2, 2, 3, 3, 4)
    assert found["image_build_duration_seconds_sum{environment=production}"] == pytest.approx(4003.1)


KILLED = """
import sys, time
from deployment_system.error_handling import RollbackManager
from deployment_system.error_handling.store import open_store
with open_store(sys.argv[1]) as store, RollbackManager(store=store) as manager:
    manager.start_transaction("killed", scope="shop/development")
    print("begun", flush=True)
    time.sleep(600)
"""


def test_a_transaction_is_open_until_its_process_is_killed(repository: Repository) -> None:
    """Then it is half done, and nobody works on it."""
    repository.run("plan")  # fails: the server is away; the state is made
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(state_file(repository))], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n"
    with open_store(state_file(repository)) as store:
        found = numbers(as_text(read_families(store, BOUNDS)))
        assert found["transactions_open{environment=development}"] == 1
        assert found["transactions_unfinished{environment=development}"] == 0
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        found = numbers(as_text(read_families(store, BOUNDS)))
        assert found["transactions_open{environment=development}"] == 0
        assert found["transactions_unfinished{environment=development}"] == 1


def test_who_holds_a_lock_is_counted(kept: Repository) -> None:
    """One that a person took stays after the command."""
    assert kept.run("lock", "take", "--env", "production", "-m", "release day").status == 0
    with open_store(state_file(kept)) as store:
        locks = [lock for lock in store.locks.all() if lock.manual]
        found = numbers(as_text(read_families(store, BOUNDS)))
    assert len(locks) == 1
    assert found["locks{environment=production,holder=person}"] == 1
    assert found["locks{environment=development,holder=person}"] == 0


def test_names_of_recovery_plans_are_bounded(kept: Repository) -> None:
    """A user may rename them for ever: those that come when there are many are counted together."""
    project = open_project(kept.root, environ={})
    for number in range(MOST_PLANS + 20):
        plan = RecoveryPlan(f"plan-{number}", (), "", (), (), RecoveryStrategy.MANUAL)
        write_recoveries(project, [Recovery(RecoveryOutcome.RECOVERED, plan)])
    with open_store(state_file(kept)) as store:
        found = {
            each.labels["plan"]: each.amount for each in store.measures.all() if each.name == "recoveries"
        }
    assert (len(found), found["plan-0"], found["other"]) == (MOST_PLANS + 1, 1, 20)


def test_without_a_state_there_is_nothing_to_count(repository: Repository) -> None:
    """And none is made by looking."""
    shown = repository.run("metrics", "show")
    assert shown.status == 0
    assert numbers(shown.output)["state_up{}"] == 1
    assert "nothing was ever deployed" in shown.errors
    assert not state_file(repository).exists()


def test_a_state_that_cannot_be_read_is_told(kept: Repository, tmp_path: Path) -> None:
    """In the file that is written too, with a failure: whoever watches must not take old numbers for new."""
    for file in state_file(kept).parent.glob("state.db*"):
        file.unlink()
    state_file(kept).write_text("no database" * 1000)
    shown = kept.run("metrics", "show", "-o", "json")
    assert (shown.status, shown.codes) == (1, ["STATE_DAMAGED"])
    written = kept.run("metrics", "write", "--file", str(tmp_path / "out.prom"), "-o", "json")
    assert (written.status, written.codes) == (1, ["STATE_DAMAGED"])
    assert numbers((tmp_path / "out.prom").read_text()) == numbers(as_text(families_without_state()))


# --- ways out


def test_node_exporter_reads_the_file(kept: Repository, tmp_path: Path) -> None:
    """The real one, under another user's rights: everybody may read it, whatever the umask."""
    folder = tmp_path / "textfiles"
    folder.mkdir()
    before = os.umask(0o077)
    try:
        written = kept.run("metrics", "write", "--file", str(folder / "deployments.prom"), "-o", "json")
    finally:
        os.umask(before)
    assert (written.status, written.document["status"]) == (0, "written")
    assert (folder / "deployments.prom").stat().st_mode & 0o777 == 0o644
    assert [file.name for file in folder.iterdir()] == ["deployments.prom"]
    address = f"127.0.0.1:{free_port()}"
    command = (
        "prometheus-node-exporter",
        f"--web.listen-address={address}",
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={folder}",
    )
    with program(tmp_path / "node", f"http://{address}/", *command):
        text = httpx.get(f"http://{address}/metrics", timeout=30).text
    assert "node_textfile_scrape_error 0" in text
    assert numbers(text).items() >= numbers((folder / "deployments.prom").read_text()).items()


@pytest.mark.parametrize("target", ["no/such/folder/x.prom", "a-folder"])
def test_a_file_that_cannot_be_written(kept: Repository, target: str) -> None:
    """Is an error with its name."""
    (kept.root / "a-folder").mkdir()
    finished = kept.run("metrics", "write", "--file", target, "-o", "json")
    assert (finished.status, finished.codes[0]) in ((1, "OUTPUT_NOT_WRITTEN"), (2, "USAGE_INVALID"))


def test_a_pushgateway_takes_them(kept: Repository, tmp_path: Path) -> None:
    """The real one; the next push takes the place of the one before."""
    address = f"127.0.0.1:{free_port()}"
    # Debian's keeps what it has in a file of the system.
    command = ("prometheus-pushgateway", f"--web.listen-address={address}", "--persistence.file=")
    with program(tmp_path / "gateway", f"http://{address}/-/ready", *command):
        for _ in range(2):
            pushed = kept.run("metrics", "push", "--url", f"http://{address}", "-o", "json")
            assert (pushed.status, pushed.document["status"]) == (0, "pushed")
        text = httpx.get(f"http://{address}/metrics", timeout=30).text
        kept.environ["DEPLOYMENT_PUSHGATEWAY_URL"] = f"http://user:secret-word@{address}/"
        by_variable = kept.run("metrics", "push", "--job", "a/b c")
        assert by_variable.status == 0
        assert "secret-word" not in by_variable.output + by_variable.errors
        assert 'job="a/b c"' in httpx.get(f"http://{address}/metrics", timeout=30).text
    lines = [line for line in text.splitlines() if line.startswith(f"{PREFIX}transactions_total")]
    assert len(lines) == 8
    assert all('job="deployment_system"' in line and 'project="shop"' in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        ((), 2, "USAGE_INVALID"),
        (("--url", "http://127.0.0.1:9"), 1, "METRICS_NOT_PUSHED"),
        (("--otlp", "http://127.0.0.1:9"), 1, "METRICS_NOT_PUSHED"),
        (("--url", "nowhere"), 1, "METRICS_NOT_PUSHED"),
        (("--url", "ftp://user:secret-word@host"), 1, "METRICS_NOT_PUSHED"),
        (("--url", "http://user:secret-word@127.0.0.1:9"), 1, "METRICS_NOT_PUSHED"),
        (("--url", "http://[::1"), 1, "METRICS_NOT_PUSHED"),
        (("--url", "http://host:99999"), 1, "METRICS_NOT_PUSHED"),
        (("--url", "http://127.0.0.1:9", "--job", " "), 2, "USAGE_INVALID"),
    ],
)
def test_what_cannot_be_pushed(kept: Repository, arguments: tuple[str, ...], status: int, code: str) -> None:
    """A typed error, and no password in it."""
    finished = kept.run("metrics", "push", *arguments, "-o", "json")
    assert (finished.status, finished.codes) == (status, [code])
    assert "secret-word" not in finished.output + finished.errors


def test_what_a_gateway_refuses_is_told(kept: Repository) -> None:
    """With its answer."""
    with serving(kept) as running:  # which takes nothing
        finished = kept.run("metrics", "push", "--url", running.url, "-o", "json")
    assert (finished.status, finished.codes) == (1, ["METRICS_NOT_PUSHED"])
    assert "answered 405" in finished.document["errors"][0]["message"]


def test_an_opentelemetry_collector_gets_them(kept: Repository) -> None:
    """In its own form, over HTTP: counters that only grow, levels, and distributions."""
    with receiver() as received:
        pushed = kept.run("metrics", "push", "--otlp", received.url, "-o", "json")
        assert pushed.status == 0, pushed.output
        wait_for(lambda: len(received.bodies) == 1)
    assert received.headers[0]["Content-Type"] == "application/x-protobuf"
    request = ExportMetricsServiceRequest.FromString(received.bodies[0])
    (resource,) = request.resource_metrics
    attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert (attributes["service.name"], attributes["service.namespace"]) == ("deployment-system", "shop")
    found = {metric.name: metric for metric in resource.scope_metrics[0].metrics}
    total = found[f"{PREFIX}transactions_total"].sum
    assert total.is_monotonic
    assert sum(point.as_double for point in total.data_points) == 6
    durations = found[f"{PREFIX}rollback_duration_seconds"].histogram.data_points
    (rolled_back,) = (point for point in durations if point.count)
    assert (rolled_back.count, sum(rolled_back.bucket_counts)) == (1, 1)
    assert len(rolled_back.bucket_counts) == len(rolled_back.explicit_bounds) + 1
    assert found[f"{PREFIX}state_up"].gauge.data_points[0].as_double == 1


def test_without_the_extra_it_says_what_is_missing(kept: Repository, tmp_path: Path) -> None:
    """And how to get it."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text(
        "import sys\nsys.modules['opentelemetry.proto'] = None\n"
    )
    kept.environ["PYTHONPATH"] = str(tmp_path / "hidden")
    finished = kept.run("metrics", "push", "--otlp", "http://127.0.0.1:9", "-o", "json")
    assert finished.codes == ["METRICS_EXTRA_MISSING"]
    assert "deployment-system[opentelemetry]" in json.dumps(finished.document)


def test_looking_costs_no_slow_import() -> None:
    """What starts the command needs neither the metrics' library nor a server."""
    source = (
        "import sys, deployment_system.cli.commands.deploy\n"
        "slow = ('prometheus_client', 'http.server', 'docker', 'opentelemetry')\n"
        "print([name for name in slow if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert finished.stdout == "[]\n"
