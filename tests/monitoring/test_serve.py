"""`serve`: what it answers, whom, and how it ends."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployment_system.deploy.serving import _PARAMETERS
from deployment_system.error_handling import DockerError, ErrorReporter
from tests.monitoring.conftest import fill, make_repository
from tests.monitoring.serving import Serving, serving, wait_for
from tests.repositories import Repository

EVERYWHERE = "0.0.0.0"  # noqa: S104 - it is what is tested
TOKEN = "0123456789abcdef-a-token-of-a-test"  # noqa: S105 - of this test alone


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """What was kept, on the loopback interface; for tests that only read."""
    with serving(fill(make_repository(tmp_path_factory.mktemp("served")))) as running:
        yield running


def codes(answer: httpx.Response) -> list[str]:
    return [error["error_code"] for error in answer.json()["errors"]]


def test_it_is_alive_and_says_what_there_is(served: Serving) -> None:
    """Whatever else is away."""
    assert (served.get("/health/live").status_code, served.get("/health/live").json()) == (
        200,
        {"status": "alive"},
    )
    assert served.get("/").json() == {"paths": list(_PARAMETERS)[1:]}


def test_it_is_not_ready_while_a_dependency_is_away(served: Serving) -> None:
    """Each with its state, and with the reason and the remedy where it is away."""
    answer = served.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "not_ready")
    state, prefect = answer.json()["dependencies"]
    assert (state["name"], state["ok"], state["error_code"]) == ("state", True, None)
    assert (prefect["name"], prefect["ok"], prefect["error_code"]) == (
        "prefect",
        False,
        "PREFECT_API_UNAVAILABLE",
    )
    assert prefect["remediation"]
    assert 'deployment_system_dependency_up{dependency="prefect"} 0.0' in served.get("/metrics").text


def test_a_state_that_is_damaged_is_told_and_does_not_end_it(kept: Repository) -> None:
    """Nor is it needed for what does not come from it."""
    with serving(kept) as served:
        _damaged(served, kept)


def _damaged(served: Serving, kept: Repository) -> None:
    before = served.get("/metrics").text
    assert "deployment_system_state_up 1.0" in before
    file = kept.root / ".deployment-system" / "state.db"
    file.unlink()
    file.write_text("no database" * 1000)
    answer = served.get("/metrics")
    assert answer.status_code == 200
    assert "deployment_system_state_up 0.0" in answer.text
    assert "deployment_system_errors_total" not in answer.text
    refused = served.get("/api/errors")
    assert (refused.status_code, codes(refused)) == (503, ["STATE_DAMAGED"])
    # What was asked just now is not asked again at once.
    wait_for(lambda: ready_state(served)["error_code"] == "STATE_DAMAGED")


def ready_state(served: Serving) -> dict[str, Any]:
    """What `/health/ready` says of the state."""
    found: dict[str, Any] = served.get("/health/ready").json()["dependencies"][0]
    return found


def test_a_state_that_comes_later_is_found(repository: Repository) -> None:
    """And one that was deleted and made anew is not taken for the old one."""
    with serving(repository) as running:
        assert "deployment_system_errors_total{" not in running.get("/metrics").text
        assert running.get("/api/errors").json() == {"errors": [], "total_errors": 0, "next": None}
        assert running.get("/api/plans").json() == {"plans": [], "next": None}
        for _ in range(2):
            with ErrorReporter(history=repository.root / ".deployment-system" / "state.db") as reporter:
                reporter.report_error(DockerError("one"))
            assert running.get("/api/errors").json()["total_errors"] == 1
            for file in (repository.root / ".deployment-system").glob("state.db*"):
                file.unlink()
        assert running.get("/api/errors").json()["total_errors"] == 0


@pytest.mark.parametrize(("what", "number"), [("errors", 7), ("plans", 7)])
def test_pages_show_each_once(served: Serving, what: str, number: int) -> None:
    """The newest first; the last page says that it is the last."""
    key = {"errors": "error_id", "plans": "plan_id"}[what]
    whole = [item[key] for item in served.get(f"/api/{what}").json()[what]]
    found, following = [], f"/api/{what}?limit=3"
    while following:
        page = served.get(following).json()
        assert len(page[what]) <= 3
        found += [item[key] for item in page[what]]
        following = page["next"]
    assert found == whole
    assert len(set(found)) == number


def test_errors_are_filtered(served: Serving) -> None:
    """By what they can be searched for; a page keeps the filter."""
    found = served.get("/api/errors?environment=production&limit=2").json()
    assert (found["total_errors"], len(found["errors"])) == (5, 2)
    assert "environment=production" in found["next"]
    assert not any("traceback" in error for error in found["errors"])
    assert served.get("/api/errors?category=prefect_api&environment=development").json()["total_errors"] == 1
    assert served.get("/api/errors?since=2099-01-01").json()["total_errors"] == 0
    assert served.get("/api/errors?until=2099-01-01T00:00:00%2B02:00").json()["total_errors"] == 7


def test_plans_say_how_they_ended(served: Serving) -> None:
    """As `recovery list` does."""
    plans = served.get("/api/plans").json()["plans"]
    assert sorted(plan["status"] for plan in plans) == ["completed"] * 5 + ["pending", "rolled_back"]
    assert {plan["environment"] for plan in plans} == {"development", "production"}


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/nothing", 404),
        ("/metrics/more", 404),
        ("/..%2f..%2fetc/passwd", 404),
        ("/api/errors?limit=0", 400),
        ("/api/errors?limit=501", 400),
        ("/api/errors?limit=-1", 400),
        ("/api/errors?limit=1e3", 400),
        ("/api/errors?limit=", 400),
        ("/api/errors?limit=%D9%A1", 400),
        ("/api/errors?limit=99999999999999999999999", 400),
        ("/api/errors?limit=1&limit=2", 400),
        ("/api/errors?offset=1", 400),
        ("/api/errors?since=yesterday", 400),
        ("/api/errors?until=0001-01-01T00:00%2B14:00", 400),
        ("/api/plans?code=X", 400),
        ("/metrics?name[]=x", 400),
        ("/api/errors?" + "&".join(f"a{n}=1" for n in range(100)), 400),
    ],
)
def test_what_there_is_not_gets_a_typed_answer(served: Serving, target: str, status: int) -> None:
    """In JSON, with the remedy; and the next one is answered."""
    answer = httpx.request("GET", f"{served.url}{target}")
    assert (answer.status_code, codes(answer)) == (status, ["REQUEST_INVALID"])
    assert answer.json()["errors"][0]["remediation"]
    assert served.get("/health/live").status_code == 200


def test_odd_words_in_a_filter_are_only_words(served: Serving) -> None:
    """No SQL, no error."""
    for word in ("'; DROP TABLE errors; --", "%00", "%FF%FE", "%", "ünï"):
        assert served.get(f"/api/errors?environment={word}").json()["total_errors"] == 0
    assert served.get("/api/errors?before='").status_code == 200
    assert served.get("/api/errors").json()["total_errors"] == 7


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_nothing_can_be_changed(served: Serving, method: str) -> None:
    """Other methods are refused, and told which there are."""
    answer = httpx.request(method, f"{served.url}/api/errors", content=b"GET /metrics HTTP/1.1\r\n\r\n")
    assert (answer.status_code, codes(answer), answer.headers["Allow"]) == (
        405,
        ["REQUEST_INVALID"],
        "GET, HEAD",
    )


def test_head_is_get_without_the_content(served: Serving) -> None:
    """Its headers are the same."""
    for path in ("/metrics", "/health/live", "/api/plans"):
        answer, whole = httpx.head(f"{served.url}{path}"), served.get(path)
        assert answer.status_code == 200
        with _connected(served) as connection:
            connection.sendall(f"HEAD {path} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
            told = b""
            while piece := connection.recv(65536):
                told += piece
        assert told.endswith(b"\r\n\r\n"), "nothing follows the headers"
        assert answer.headers["Content-Type"] == whole.headers["Content-Type"]
        if path != "/metrics":  # which tells more once dependencies were asked
            assert int(answer.headers["Content-Length"]) == len(whole.content)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"a%d: b\r\n" % n for n in range(200)) + b"\r\n",
        b"GET / HTTP/1.1\r\na: " + b"b" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["TLS", "no path", "version", "many headers", "long header", "long path"],
)
def test_what_is_no_http_is_refused(served: Serving, sent: bytes) -> None:
    """With an answer where one can be understood, and the connection ends."""
    with _connected(served) as connection:
        connection.sendall(sent)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert b"REQUEST_INVALID" in answer
    assert served.get("/health/live").status_code == 200


def test_a_body_is_not_taken_for_the_next_request(served: Serving) -> None:
    """The connection ends instead."""
    with _connected(served) as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nContent-Length: 28\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n\r\n\r\n"
        )
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.count(b"HTTP/1.1 200") == 1


def test_many_slow_clients_keep_nobody_out(served: Serving) -> None:
    """Sixty connections that never finish their request."""
    slow = [_connected(served) for _ in range(60)]
    try:
        for connection in slow:
            connection.sendall(b"GET /metr")
        assert served.get("/metrics").status_code == 200
    finally:
        for connection in slow:
            connection.close()


def test_a_page_that_calls_itself_us_gets_nothing(served: Serving) -> None:
    """A browser of this machine could be led here by a name that somebody else gives our address."""
    answer = served.get("/api/errors", Host="rebound.example:9464")
    assert (answer.status_code, codes(answer)) == (403, ["REQUEST_INVALID"])
    assert served.get("/api/errors", Host="localhost:9464").status_code == 200


# --- the token


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A token in a file."""
    file = tmp_path / "serve.token"
    file.write_text(f"{TOKEN}\n")
    return file


def test_with_a_token_nothing_is_told_without_it(kept: Repository, token_file: Path) -> None:
    """But whether it lives and is ready, without a reason: what watches over processes cannot show one."""
    with serving(kept, "--host", EVERYWHERE, "--token-file", str(token_file)) as running:
        for path in ("/", "/metrics", "/api/errors", "/api/plans", "/nothing"):
            for header in (None, "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", "Bearer ü"):
                headers = {} if header is None else {"Authorization": header.encode()}
                answer = httpx.get(f"{running.url}{path}", headers=headers)  # type: ignore[arg-type]
                assert (answer.status_code, codes(answer)) == (401, ["REQUEST_UNAUTHORIZED"]), (path, header)
                assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert running.get("/health/live").status_code == 200
        assert (running.get("/health/ready").status_code, running.get("/health/ready").json()) == (
            503,
            {"status": "not_ready"},
        )
        for path in ("/metrics", "/api/errors", "/api/plans"):
            assert running.get(path, Authorization=f"Bearer {TOKEN}").status_code == 200
        assert running.get("/health/ready", Authorization=f"bearer {TOKEN}").json()["dependencies"]


def test_a_token_may_come_from_a_variable(kept: Repository) -> None:
    """On the loopback interface it holds as well."""
    kept.environ["DEPLOYMENT_SERVE_TOKEN"] = TOKEN
    with serving(kept) as running:
        assert running.get("/metrics").status_code == 401
        assert running.get("/metrics", Authorization=f"Bearer {TOKEN}").status_code == 200


@pytest.mark.parametrize("host", [EVERYWHERE, "::"])
def test_beyond_this_machine_nothing_is_served_without_a_token(repository: Repository, host: str) -> None:
    """It does not even begin."""
    finished = repository.run("serve", "--host", host, "--port", "0", "-o", "json")
    assert (finished.status, finished.codes) == (2, ["SERVE_TOKEN_REQUIRED"])
    assert finished.document["status"] == "usage"


@pytest.mark.parametrize(
    "content", [None, b"", b"  \n", b"short", b"two lines of a\ntoken-that-is-long", b"\xff" * 40]
)
def test_a_token_that_cannot_be_used(repository: Repository, tmp_path: Path, content: bytes | None) -> None:
    """Is an error that does not tell it."""
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    finished = repository.run("serve", "--token-file", str(file), "--port", "0", "-o", "json")
    assert (finished.status, finished.codes) == (2, ["SERVE_TOKEN_INVALID"])
    assert "short" not in finished.output.replace(str(file), "")


# --- beginning and end


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (("--host", "203.0.113.7", "--token-file", "TOKEN"), "SERVE_ADDRESS_UNUSABLE", 1),
        (("--host", "no.such.host.invalid"), "SERVE_ADDRESS_UNUSABLE", 1),
        (("--host", ""), "USAGE_INVALID", 2),
        (("--port", "70000"), "USAGE_INVALID", 2),
        (("--port", "TAKEN"), "SERVE_ADDRESS_UNUSABLE", 1),
    ],
)
def test_where_it_cannot_listen(
    repository: Repository, token_file: Path, arguments: tuple[str, ...], code: str, status: int
) -> None:
    """A typed error, with the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = {"TOKEN": str(token_file), "TAKEN": str(taken.getsockname()[1])}
        finished = repository.run("serve", *(words.get(each, each) for each in arguments), "-o", "json")
    assert (finished.status, finished.codes) == (status, [code])


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_cleanly(kept: Repository, number: signal.Signals, status: int) -> None:
    """Also while connections are open that nobody uses; the port is free at once."""
    with serving(kept) as running, httpx.Client() as client:
        assert client.get(f"{running.url}/metrics").status_code == 200
        assert running.end(number) == status
        assert running.process.stderr is not None
        assert "stopped by" in running.process.stderr.read()
        port = httpx.URL(running.url).port
        again = kept.start("serve", "--port", str(port), "-o", "json")
        assert again.stdout is not None
        document = "".join(again.stdout.readline() for _ in range(4))
        again.terminate()
        again.communicate(timeout=30)
    assert json.loads(document) == {"status": "serving", "url": running.url}


def _connected(running: Serving) -> socket.socket:
    url = httpx.URL(running.url)
    return socket.create_connection((url.host, url.port or 0), timeout=30)
