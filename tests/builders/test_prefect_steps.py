"""Steps of a prefect.yaml, run by Prefect's own step runner in a process of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deployment_system.builders.prefect_steps import StepRunner
from deployment_system.error_handling import DeploymentError, DeploymentSystemError, ErrorContext

SHELL = "prefect.deployments.steps.run_shell_script"
WAIT_SECONDS = 60.0
MODULE = """\
import os, sys, subprocess
from pathlib import Path

def give(**values):
    return values

def typed():
    return {"text": "ä", "number": 7, "yes": True, "none": None, "list": [1.5, {"a": []}], "pair": (1, 2)}

def path():
    return {"deep": [{"folder": Path("x")}]}

def numbered():
    return {"table": {1: "a"}}

def nothing():
    return None

def fail():
    raise LookupError("no such table")

def leave():
    sys.exit(5)

def vanish():
    os._exit(9)

def die():
    os.kill(os.getpid(), 9)

async def later(x):
    return {"x": x}

def called():
    subprocess.run([sys.executable, "-c", "raise SystemExit(4)"], check=True)
"""


@dataclass(frozen=True)
class Step:
    """What the configuration would hand over."""

    function: str
    inputs: dict[str, Any] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    name: str = "it"
    place: ErrorContext = field(default_factory=lambda: ErrorContext(file_path="prefect.yaml", line_number=4))


def script(*lines: str, **inputs: Any) -> Step:
    """A step that runs these lines, each a command, by the system's shell."""
    return Step(SHELL, {"script": "\n".join(lines), "shell": True, **inputs})


def own(function: str, **inputs: Any) -> Step:
    """A step of the repository's own module."""
    return Step(f"tools.steps.{function}", inputs)


class Running:
    """A runner, and what it told."""

    def __init__(self, root: Path, environ: dict[str, str]) -> None:
        self.root = root
        self.lines: list[str] = []
        self.log = root / "logs" / "steps.log"
        self.runner = StepRunner(root, environ=environ, on_line=self.lines.append, log_file=self.log)

    def run(self, step: Step, **options: Any) -> dict[str, Any]:
        """Runs one step."""
        return self.runner.run(step, **options)

    def fails(self, step: Step, **options: Any) -> DeploymentSystemError:
        """Runs a step that fails."""
        with pytest.raises(DeploymentSystemError) as caught:
            self.runner.run(step, **options)
        return caught.value


def environ_of(folder: Path) -> dict[str, str]:
    """The user's environment, with a Prefect that knows no server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {
        **kept,
        "PREFECT_HOME": str(folder / ".prefect-home"),
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
        "GREETING": "hello",
        "DEPLOY_TOKEN": "hush-hush-42",
    }


def repository_in(folder: Path) -> Path:
    """The folder, with a module of steps."""
    (folder / "tools").mkdir()
    (folder / "tools" / "steps.py").write_text(MODULE)
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder of its own."""
    return repository_in(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One runner for many tests: its process imports Prefect once."""
    folder = repository_in(tmp_path_factory.mktemp("steps"))
    made = Running(folder, environ_of(folder))
    with made.runner:
        yield made


@pytest.fixture
def running(shared: Running) -> Running:
    """A runner that has told nothing yet."""
    shared.lines.clear()
    (shared.root / "pid").unlink(missing_ok=True)
    if shared.log.exists():
        shared.log.write_text("")
    return shared


def test_a_script_runs_in_the_repository_with_the_user_s_environment(running: Running) -> None:
    """Its output is told line by line, kept in the log, and given as an output."""
    given = running.run(script("echo $GREETING", "pwd", "echo aside >&2"))
    here = str(running.root)
    assert given == {"stdout": f"hello\n{here}", "stderr": "aside"}
    assert running.lines == ["hello", here, "aside"]
    assert running.log.read_text() == f"hello\n{here}\naside\n"


def test_steps_share_a_process_as_in_prefect(running: Running) -> None:
    """What one changes, the next one sees; and each has the outputs of its own."""
    change = "prefect.deployments.steps.set_working_directory"
    assert running.run(Step(change, {"directory": "tools"})) == {"directory": str(running.root / "tools")}
    assert running.run(script("ls"))["stdout"].splitlines()[-1] == "steps.py"
    assert running.run(Step(change, {"directory": ".."})) == {"directory": str(running.root)}


def test_a_script_that_is_not_to_be_shown_gives_its_output_all_the_same(running: Running) -> None:
    """`stream_output: false` is for the terminal alone."""
    assert running.run(script("echo quiet", stream_output=False))["stdout"] == "quiet"
    assert running.lines == []


def test_a_function_of_the_repository_is_a_step(running: Running) -> None:
    """Also one that is async; every JSON value comes back as it was given."""
    assert running.run(own("typed")) == {
        "text": "ä",
        "number": 7,
        "yes": True,
        "none": None,
        "list": [1.5, {"a": []}],
        "pair": [1, 2],
    }
    assert running.run(own("later", x=[1, "b"])) == {"x": [1, "b"]}
    assert running.run(own("nothing")) == {}


def test_no_line_and_no_byte_of_much_output_is_lost(running: Running) -> None:
    """More than any pipe holds, on both streams at once, the last line without an end."""
    program = (
        "import sys\nfor n in range(60000):\n  print(n, 'x' * 40); print(n, file=sys.stderr)\n"
        "print('end', end='')"
    )
    (running.root / "much.py").write_text(program)
    given = running.run(Step(SHELL, {"script": f"{sys.executable} much.py"}))
    assert given["stdout"].splitlines() == [*(f"{n} {'x' * 40}" for n in range(60000)), "end"]
    assert given["stderr"].splitlines() == [str(n) for n in range(60000)]
    assert len(given["stdout"]) > 1_000_000
    told = "\n".join(running.lines)
    assert "59999 xxx" in told
    assert "end" in told
    assert len(told) >= len(given["stdout"]) + len(given["stderr"])


FAILURES: dict[str, tuple[Step, str, int | None]] = {
    "a script": (
        script("echo before", "echo why >&2; exit 3", "echo after"),
        "failed with exit status 3: `run_shell_script` failed with error code 3: why",
        3,
    ),
    "a program": (own("called"), "failed with exit status 4", 4),
    "a function": (own("fail"), "raised LookupError: no such table", None),
    "its exit": (own("leave"), "failed with exit status 5", 5),
    "its process's exit": (own("vanish"), "ended the process that ran it, with exit status 9", 9),
    "its process's death": (own("die"), "was ended by SIGKILL", 137),
    "a wrong input": (Step(SHELL, {"scirpt": "x"}), "raised TypeError: run_shell_script() got an unex", None),
}


@pytest.mark.parametrize(("step", "says", "status"), FAILURES.values(), ids=FAILURES)
def test_a_failure_says_which_step_where_and_how(
    step: Step, says: str, status: int | None, running: Running
) -> None:
    """With the place in the file, the exit status, and where the whole output is."""
    error = running.fails(step)
    assert isinstance(error, DeploymentError)
    assert str(error.error_code) == "BUILD_STEP_FAILED"
    assert error.message.startswith(f"the step 'it' ({step.function.rpartition('.')[2]}) ")
    assert says in error.message
    assert (error.context.file_path, error.context.line_number) == ("prefect.yaml", 4)
    assert error.context.extra.get("exit_status") == status
    assert error.context.extra["step"] == "it"
    assert str(running.log) in error.remediation[0]


def test_a_failure_has_the_last_lines_of_this_step_alone(running: Running) -> None:
    """Twenty of them, in the error's context; nothing after the failure was run."""
    running.run(script("echo earlier"))
    error = running.fails(script("seq 1 30", "false", "echo after"))
    assert error.context.extra["output"] == [str(n) for n in range(11, 31)]
    assert "after" not in running.lines


def test_a_failure_in_the_repository_s_code_names_its_line(running: Running) -> None:
    """Not that of Prefect, which called it."""
    extra = running.fails(own("fail")).context.extra
    assert (extra["step_file"], extra["step_line"]) == (
        "tools/steps.py",
        MODULE.splitlines().index("def fail():") + 2,
    )


@pytest.mark.parametrize(
    ("step", "says", "remedy"),
    [
        (
            Step("prefect_aws.deployments.steps.push_to_s3", {}, ("prefect-aws>=0.4",)),
            "needs the package prefect-aws>=0.4, not installed here",
            'pip install "prefect-aws>=0.4"',
        ),
        (own("nothing"), "", ""),
        (Step("nowhere_at_all.make"), "there is no module 'nowhere_at_all' here", "nowhere_at_all"),
        (own("misspelt"), "has no attribute 'misspelt'", "tools.steps.misspelt"),
    ],
)
def test_what_cannot_be_loaded_is_told_apart_and_nothing_is_installed(
    step: Step, says: str, remedy: str, running: Running
) -> None:
    """Prefect would run pip, which no transaction takes back."""
    if not says:
        assert running.run(Step(step.function, {}, ("pytest>=1", "json", "prefect"))) == {}
        return
    error = running.fails(step)
    assert str(error.error_code) == "BUILD_STEP_UNAVAILABLE"
    assert says in error.message
    assert remedy in error.remediation[0]
    assert "install" not in " ".join(running.lines)


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (own("path"), "a value under 'deep[0].folder' that JSON cannot hold: a PosixPath"),
        (own("numbered"), "under 'table' that JSON cannot hold: a mapping with a key of type int"),
    ],
)
def test_an_output_that_is_no_json_value_is_an_error(step: Step, says: str, running: Running) -> None:
    """And not a text that only looks like it."""
    error = running.fails(step)
    assert str(error.error_code) == "BUILD_STEP_OUTPUT_INVALID"
    assert says in error.message


def test_a_template_in_a_value_is_an_error_where_prefect_would_leave_a_hole(running: Running) -> None:
    """It came out of a variable or of another step."""
    error = running.fails(own("give", x="a {{ tag }} b"))
    assert str(error.error_code) == "BUILD_STEP_OUTPUT_UNKNOWN"
    assert "{{ tag }}" in error.message


def test_secrets_are_neither_told_nor_kept(running: Running) -> None:
    """The value of a variable whose name says so; the output itself is what the step gave."""
    given = running.run(script("echo token $DEPLOY_TOKEN"))
    assert given["stdout"] == "token hush-hush-42"
    error = running.fails(script("echo $DEPLOY_TOKEN >&2; false"))
    assert running.lines == ["token ********", "********"]
    assert "hush" not in json.dumps(error.to_dict())
    assert "hush" not in running.log.read_text()


HANGS = "echo $$ > pid; trap '' TERM; echo ready; while true; do sleep 0.1; done"
WAITS = "echo $$ > pid; echo ready; sleep 1000"


@pytest.mark.parametrize("program", [WAITS, HANGS])
def test_a_step_that_hangs_is_ended_when_its_time_is_up(program: str, running: Running) -> None:
    """Also one that does not listen when it is asked to end; and it has said so far what it said."""
    error = running.fails(script(program), timeout_seconds=5)
    assert str(error.error_code) == "BUILD_STEP_TIMEOUT"
    assert "was ended after 5 seconds" in error.message
    assert error.context.extra["output"][0] == "ready"
    assert_ended(running.root)


def test_another_step_can_run_after_one_that_was_ended(running: Running) -> None:
    """In another process."""
    running.fails(own("die"))
    assert running.run(own("later", x=1)) == {"x": 1}


def test_what_a_step_left_running_ends_with_the_runner(running: Running) -> None:
    """Nothing outlives the run."""
    running.run(
        script(
            "sh -c 'echo $$ > pid; exec sleep 1000' > /dev/null 2>&1 &",
            "while ! [ -s pid ]; do sleep 0.1; done",
        )
    )
    assert is_alive(int((running.root / "pid").read_text()))
    running.runner.close()
    assert_ended(running.root)


def test_a_program_that_prints_for_ever_is_ended_too(running: Running) -> None:
    """Output keeps coming while it is asked to end."""
    error = running.fails(script("echo $$ > pid; yes"), timeout_seconds=5)
    assert str(error.error_code) == "BUILD_STEP_TIMEOUT"
    assert_ended(running.root)


DRIVER = """\
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from tests.builders.test_prefect_steps import environ_of, script
from deployment_system.builders.prefect_steps import StepRunner
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
signal.signal(signal.SIGINT, signal.default_int_handler)
root = Path({root!r})
with StepRunner(root, environ=environ_of(root), on_line=lambda line: print(line, flush=True)) as runner:
    runner.run(script({program!r}))
"""


@pytest.mark.parametrize("program", [WAITS, HANGS], ids=["waits", "ignores SIGTERM"])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_when_the_run_is_interrupted(
    sent: signal.Signals, program: str, repository: Path
) -> None:
    """By Ctrl-C, by SIGTERM, and when the command itself is killed and can do nothing any more."""
    project = str(Path(__file__).resolve().parents[2])
    driver = DRIVER.format(tests=project, root=str(repository), program=program)
    command = subprocess.Popen([sys.executable, "-c", driver], stdout=subprocess.PIPE, text=True)
    assert command.stdout is not None
    with command.stdout:
        assert command.stdout.readline() == "ready\n"
        command.send_signal(sent)
        command.wait(WAIT_SECONDS)
    assert_ended(repository)


def test_the_server_s_blocks_and_variables_are_looked_up(
    prefect_server: str, repository: Path, unique_name: str
) -> None:
    """With Prefect's own client; the block's value is hidden in what is told. One that is not there is an
    error, where Prefect makes an empty text of a variable."""
    environ = {**environ_of(repository), "PREFECT_API_URL": prefect_server}
    variable_name = unique_name.replace("-", "_")
    make = (
        "from prefect.blocks.system import Secret; from prefect.variables import Variable\n"
        f"Secret(value='block-secret-1').save('{unique_name}'); Variable.set('{variable_name}', 'v1')"
    )
    subprocess.run([sys.executable, "-c", make], env=environ, check=True, timeout=120)
    variable = f"{{{{ prefect.variables.{variable_name} }}}}"
    block = f"{{{{ prefect.blocks.secret.{unique_name} }}}}"
    made = Running(repository, environ)
    with made.runner:
        given = made.run(script(f"echo {variable} {block}"))
        assert given["stdout"] == "v1 block-secret-1"
        assert made.lines == ["v1 ********"]
        step = own("give", all=[variable, {"secret": block}])
        assert made.runner.looked_up(step) == {"all": ["v1", {"secret": "block-secret-1"}]}
        for wrong in ("{{ prefect.variables.nowhere }}", "x {{ prefect.blocks.secret.nowhere }}"):
            error = made.fails(own("give", x=wrong))
            assert str(error.error_code) == "PREFECT_OBJECT_NOT_FOUND"
            assert "nowhere" in error.message
            assert error.context.line_number == 4


@pytest.fixture
def unique_name() -> str:
    """For objects of a server that others use too."""
    return f"steps-{time.time_ns()}"


def assert_ended(repository: Path) -> None:
    """The program that wrote its id is gone, at the latest soon."""
    pid = int((repository / "pid").read_text())
    until(lambda: not is_alive(pid))


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not fetched yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition: Callable[[], bool]) -> None:
    """Waits for it, not for ever."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
