"""Files that misbehave while they are imported: nothing but their own flow is affected."""

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from deployment_system.discovery import discover
from deployment_system.error_handling import ErrorCodes
from deployment_system.validation import SchemaResult, parameter_schemas

BEGINNING = """\
import os, signal, subprocess, sys, threading, time
from pydantic import BaseModel
from prefect import flow

class Model(BaseModel):
    size: int = 1

@flow(name={name!r})
def f(x: Model): ...

"""
LINE = len(BEGINNING.splitlines()) + 1
SECONDS = 2.0


class Bad(NamedTuple):
    """What stands at the end of the file, and what must be said of it."""

    code: str
    says: str | None = None
    """None: it does no harm, and the schema is read."""
    line: int | None = LINE
    error_code: ErrorCodes = ErrorCodes.FLOW_IMPORT_FAILED


BAD = {
    "prints": Bad("print('hello'); sys.stderr.write('oh')"),
    "writes much": Bad("for n in range(200):\n    os.write(1, b'x' * 65536); os.write(2, b'y' * 65536)"),
    "closes its outputs": Bad("for n in (0, 1, 2):\n    os.close(n)"),
    "reads its input": Bad("sys.stdin.read()"),
    "asks a question": Bad("input('name? ')", "EOFError"),
    "raises": Bad("raise RuntimeError('no database')", "RuntimeError: no database"),
    "raises in many lines": Bad("raise RuntimeError('a\\nb\\n' * 5000)", "RuntimeError: a b"),
    "raises what cannot be shown": Bad(
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "E", LINE + 2
    ),
    "raises no exception": Bad("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "raises a group": Bad("raise ExceptionGroup('all', [ValueError('one')])", "ExceptionGroup: all"),
    "imports what is missing": Bad(
        "import not_installed_anywhere", "No module named 'not_installed_anywhere'"
    ),
    "imports a module of ours": Bad("import import_names", "No module named 'import_names'"),
    "exits": Bad("sys.exit(3)", "sys.exit(3)"),
    "exits with a text": Bad("sys.exit('bye')", "sys.exit('bye')"),
    "exits with success": Bad("sys.exit()", "sys.exit"),
    "exits at once": Bad("os._exit(7)", "exit status 7", None),
    "exits at once with success": Bad("os._exit(0)", "exit status 0", None),
    "kills itself": Bad("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL", None),
    "kills itself gently": Bad("os.kill(os.getpid(), signal.SIGTERM)", "SIGTERM", None),
    "kills its group": Bad("os.killpg(0, signal.SIGKILL)", "SIGKILL", None),
    "kills the process that started it": Bad(
        "os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)", "ended the process", None
    ),
    "crashes": Bad("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV", None),
    "recurses": Bad("def g(): g()\ng()", "RecursionError", LINE),
    "takes too much memory": Bad("x = bytearray(1 << 62)", "MemoryError"),
    "changes the folder": Bad("os.chdir('/')"),
    "removes its folder": Bad("import tempfile\nd = tempfile.mkdtemp()\nos.chdir(d)\nos.rmdir(d)"),
    "forgets all modules": Bad("sys.modules.clear()", "", None),
    "forks": Bad("if os.fork() == 0:\n    time.sleep(60)"),
    "forks and lets the child go on": Bad("os.fork()"),
    "starts a thread": Bad("threading.Thread(target=time.sleep, args=(60,)).start()"),
    "starts a process": Bad("subprocess.Popen(['sleep', '60'])"),
    "ignores signals": Bad("signal.signal(signal.SIGTERM, signal.SIG_IGN)"),
    "loops": Bad("while True: pass", "2 s", None, ErrorCodes.FLOW_IMPORT_TIMEOUT),
    "waits where no signal reaches": Bad(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)",
        "2 s",
        None,
        ErrorCodes.FLOW_IMPORT_TIMEOUT,
    ),
    "writes into every pipe that it finds": Bad(
        "for n in range(3, 200):\n    try: os.write(n, b'garbage\\n')\n    except OSError: pass"
    ),
    "closes every pipe that it finds": Bad("os.closerange(3, 200)", "", None),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SchemaResult]:
    """All of them imported together, with a good one first, in the middle and last."""
    root = tmp_path_factory.mktemp("bad")
    texts = {f"bad_{number:02}.py": bad.code for number, bad in enumerate(BAD.values())}
    for file, text in {**texts, "aaa.py": "", "bad_10_after.py": "", "zzz.py": ""}.items():
        (root / file).write_text(BEGINNING.format(name=file) + text + "\n")
    return dict(parameter_schemas(discover(root).flows, root=root, timeout_seconds=SECONDS))


@pytest.mark.parametrize("number", [pytest.param(number, id=name) for number, name in enumerate(BAD)])
def test_a_file_that_misbehaves_is_answered_with_a_typed_error(
    number: int, answers: dict[str, SchemaResult]
) -> None:
    """With code, place and remedy; or it has done no harm, and its schema is read."""
    bad, file = list(BAD.values())[number], f"bad_{number:02}.py"
    result = answers[f"{file}:f"]
    if bad.says is None:
        assert not result.errors
        assert result.schema is not None
        assert "Model" in result.schema["definitions"]
        return
    assert result.schema is None
    [error] = result.errors
    assert error.error_code == bad.error_code
    assert bad.says in error.message
    assert len(error.message) < 1200
    assert error.context.file_path == file
    if bad.line is not None:
        assert error.context.line_number == bad.line
    assert error.context.flow_name == file
    assert error.remediation


def test_the_rest_of_the_flows_is_read(answers: dict[str, SchemaResult]) -> None:
    """Before, between and behind them."""
    for file in ("aaa.py", "bad_10_after.py", "zzz.py"):
        assert answers[f"{file}:f"].schema is not None
        assert answers[f"{file}:f"].errors == ()


def test_nothing_is_left_running(tmp_path: Path) -> None:
    """A process that the file started is ended with it."""
    (tmp_path / "f.py").write_text(
        BEGINNING.format(name="f")
        + "p = subprocess.Popen(['sleep', '61'])\nopen('pid', 'w').write(str(p.pid))\n"
    )
    results = parameter_schemas(discover(tmp_path).flows, root=tmp_path)
    assert results["f.py:f"].schema is not None
    started = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while _is_running(started) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_running(started)


def _is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A server that notes what is asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/api", asked
        listening.shutdown()
        thread.join()


def test_neither_server_nor_secrets_of_the_caller_reach_the_file(
    server: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that asks Prefect's API while it is imported reaches no server at all."""
    url, asked = server
    monkeypatch.setenv("PREFECT_API_URL", url)
    monkeypatch.setenv("PREFECT_API_KEY", "pnu_hush")
    monkeypatch.setenv("DATABASE_PASSWORD", "hush")
    (tmp_path / "f.py").write_text(
        BEGINNING.format(name="f")
        + "open('environ', 'w').write(repr(dict(os.environ)))\n"
        + "from prefect.variables import Variable\nVariable.get('size')\n"
    )
    [error] = parameter_schemas(discover(tmp_path).flows, root=tmp_path)["f.py:f"].errors
    assert error.error_code == ErrorCodes.FLOW_IMPORT_FAILED
    assert error.context.line_number == LINE + 2
    assert asked == []
    seen = (tmp_path / "environ").read_text()
    assert "hush" not in seen
    assert url not in seen


def test_this_process_is_as_it_was(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Folder, open files and outputs."""
    (tmp_path / "f.py").write_text(BEGINNING.format(name="f") + "print('x' * 100_000)\nos.chdir('/')\n")
    folder, open_files = Path.cwd(), len(list(Path("/proc/self/fd").iterdir()))
    parameter_schemas(discover(tmp_path).flows, root=tmp_path)
    assert Path.cwd() == folder
    assert len(list(Path("/proc/self/fd").iterdir())) == open_files
    assert capfd.readouterr() == ("", "")


def test_two_flows_of_a_file_share_one_import(tmp_path: Path) -> None:
    """And an error of the file is the error of both."""
    text = BEGINNING.format(name="f") + "@flow\ndef g(x: Model): ...\nopen('trace', 'a').write('.')\n"
    (tmp_path / "f.py").write_text(text)
    results = parameter_schemas(discover(tmp_path).flows, root=tmp_path)
    assert [results[f"f.py:{name}"].schema is not None for name in ("f", "g")] == [True, True]
    assert (tmp_path / "trace").read_text() == "."
    (tmp_path / "f.py").write_text(text + "1 / 0\n")
    results = parameter_schemas(discover(tmp_path).flows, root=tmp_path)
    assert [len(results[f"f.py:{name}"].errors) for name in ("f", "g")] == [1, 1]


def test_the_line_is_that_of_the_module_that_failed(tmp_path: Path) -> None:
    """A module of the repository that the file imports; the flow's own file is told as well."""
    (tmp_path / "lib.py").write_text("\n\nraise OSError('broken')\n")
    (tmp_path / "f.py").write_text("import lib\n" + BEGINNING.format(name="f"))
    [error] = parameter_schemas(discover(tmp_path).flows, root=tmp_path)["f.py:f"].errors
    assert (error.context.file_path, error.context.line_number) == ("lib.py", 3)
    assert error.context.extra["flow_file"] == "f.py"
