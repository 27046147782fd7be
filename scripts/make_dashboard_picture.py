"""Makes docs/images/dashboard.svg: the panels of the dashboard, drawn from what a real Prometheus answers
that scraped `serve` while a real session went on, with a server that goes away and content that it refuses.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from dashboard_picture import Found, Series, picture  # noqa: E402 - found in the folder above
from deployment_system.monitoring.dashboard import ROWS, TITLE, Query, panels  # noqa: E402
from tests.conftest import POOL, make_pool  # noqa: E402
from tests.monitoring.serving import serving  # noqa: E402
from tests.prefect_servers import PrefectProcess  # noqa: E402
from tests.prometheus_world import Prometheus, free_port, prometheus  # noqa: E402
from tests.recording_proxy import Fault, RecordingProxy, recording_proxy  # noqa: E402
from tests.repositories import Repository  # noqa: E402

TARGET = ROOT / "docs" / "images" / "dashboard.svg"
FLOW = "from prefect import flow\n\n\n@flow\ndef {name}(limit: int = {limit}):\n    return limit\n"
NAMES = ("orders", "invoices", "stock", "prices", "returns", "reports")
CONFIGURATION = """
project: shop
environments:
  production: {{prefect_api_url: "{url}", work_pools: {{python: {pool}}}, outage_patience_seconds: 1}}
default_environment: production
"""
SCRAPING = """
global: {{scrape_interval: 2s}}
scrape_configs: [{{job_name: deployment-cli, static_configs: [{{targets: ["{target}"]}}]}}]
"""
PAUSE_SECONDS = 8
STEP_SECONDS = 2
CREATE, UPDATE = "^/api/deployments/$", "^/api/deployments/[0-9a-f-]{36}$"


def session(repository: Repository, proxy: RecordingProxy) -> Iterator[str]:
    """What happens, one after another."""

    def write(limit: int, *names: str) -> None:
        for name in names:
            repository.write(f"flows/{name}.py", FLOW.format(name=name, limit=limit))

    def deploy(*arguments: str) -> str:
        return f"deploy: exit {repository.run('deploy', '-o', 'json', *arguments).status}"

    write(1, *NAMES[:3])
    yield deploy()
    write(1, *NAMES)
    proxy.faults.append(Fault("POST", CREATE, status=503, times=3))
    yield deploy()
    write(2, *NAMES)
    proxy.faults.append(Fault("PATCH", UPDATE, status=422, body='{"detail": "no"}', after=2, times=1))
    yield deploy()
    repository.write("flows/broken.py", "from prefect import flow\n\n@flow\ndef broken(:\n")
    yield deploy()
    (repository.root / "flows" / "broken.py").unlink()
    yield f"lock: exit {repository.run('lock', 'take', '-m', 'release day').status}"
    yield deploy()
    yield f"lock: exit {repository.run('lock', 'release').status}"
    proxy.faults.append(Fault("", "", drop_before=True))
    yield deploy()
    proxy.faults.clear()
    write(3, *NAMES[:2])
    yield deploy()
    repository.write("deployment-config.yaml", CONFIGURATION.format(url=proxy.url, pool="new-pool"))
    yield deploy("--recover", "auto")
    write(4, *NAMES[:1])
    yield f"status: exit {repository.run('status').status}"
    yield deploy()


def found_by(scraped: Prometheus, begin: float, end: float) -> Found:
    """What every query of the dashboard finds."""
    found: Found = {}
    for panel in panels():
        for query in panel.queries:
            found.setdefault(panel.title, []).extend(_series(scraped, query, begin, end))
    return found


def _series(scraped: Prometheus, query: Query, begin: float, end: float) -> Iterator[Series]:
    asked = query.expression.replace("$environment", ".*").replace("$__rate_interval", "10s")
    asked = asked.replace("$__range", "5m")
    instant = query.instant
    results = scraped.ask(asked) if instant else scraped.ask_range(asked, begin, end, STEP_SECONDS)
    for result in results:
        values = [result["value"]] if instant else result["values"]
        name = query.legend
        for label, value in result["metric"].items():
            name = name.replace(f"{{{{{label}}}}}", value)
        points = tuple((float(moment), float(value)) for moment, value in values if value != "NaN")
        if points:
            yield Series(name, points)


def main() -> None:
    """Server, repository, `serve` and Prometheus up; the session; the picture."""
    said: Callable[[str], object] = lambda words: sys.stderr.write(f"{words}\n")  # noqa: E731 - too small
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dashboard-")))
        server = PrefectProcess(folder, free_port())
        server.start()
        stack.callback(server.stop)
        server.wait_until_healthy()
        make_pool(server.url)
        proxy = stack.enter_context(recording_proxy(server.url))
        repository = Repository(folder / "shop")
        repository.write("deployment-config.yaml", CONFIGURATION.format(url=proxy.url, pool=POOL))
        repository.write("flows/orders.py", FLOW.format(name="orders", limit=1))
        running = stack.enter_context(serving(repository))
        target = running.url.removeprefix("http://")
        scraped = stack.enter_context(prometheus(folder / "prometheus", SCRAPING.format(target=target)))
        begin = time.time()
        time.sleep(PAUSE_SECONDS)
        for words in session(repository, proxy):
            said(words)
            time.sleep(PAUSE_SECONDS)
        end = time.time()
        found = found_by(scraped, begin, end)
    TARGET.write_text(picture(ROWS, found, f"{TITLE} · production", (begin, end)), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except httpx.HTTPError as error:
        sys.exit(f"the picture was not made: {error}")
