"""Errors as records: JSON and back, pickled, copied, with their causes, tracebacks and fingerprints."""

import copy
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment_system.error_handling import (
    ConfigurationError,
    DeploymentError,
    DeploymentSystemError,
    DockerError,
    ErrorContext,
    FlowDiscoveryError,
    PrefectAPIError,
    RecoveryError,
    ValidationError,
)

ALL_TYPES = [
    DeploymentSystemError,
    FlowDiscoveryError,
    ValidationError,
    ConfigurationError,
    DockerError,
    PrefectAPIError,
    DeploymentError,
    RecoveryError,
]

RECORD_KEYS = {
    *("error_code", "error_type", "message", "category", "severity", "retryable", "remediation"),
    *("context", "cause", "fingerprint", "timestamp", "traceback"),
}


def deep() -> None:
    """Raises an error with a cause."""
    try:
        dict[str, int]()["deep"]
    except KeyError as deepest:
        raise OSError(5, "Input/output error") from deepest


def raised(error_type: type[DeploymentSystemError]) -> DeploymentSystemError:
    """An error with everything: raised, with a chain of causes, a context, a note and its own remedy."""
    try:
        try:
            deep()
        except OSError as error:
            raise error_type(
                "it broke",
                severity="critical",
                context=ErrorContext("load", file_path="flows/a.py", line_number=3, sizes=(1, 2)),
                remediation=["mend it"],
                cause=error,
                retryable=True,
            ) from error
    except DeploymentSystemError as error:
        error.add_note("seen twice")
        made = error
    return made


def through_json(error: DeploymentSystemError) -> DeploymentSystemError:
    """Written to a file and read again."""
    return DeploymentSystemError.from_dict(json.loads(json.dumps(error.to_dict())))


def through_pickle(error: DeploymentSystemError) -> DeploymentSystemError:
    """Sent from one process to another."""
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert isinstance(back, DeploymentSystemError)
    return back


WAYS: list[Callable[[DeploymentSystemError], DeploymentSystemError]] = [
    through_json,
    through_pickle,
    copy.copy,
    copy.deepcopy,
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error_type", ALL_TYPES)
def test_nothing_is_lost_on_any_way(
    error_type: type[DeploymentSystemError], way: Callable[[DeploymentSystemError], DeploymentSystemError]
) -> None:
    """The cause chain, the traceback and the time included; the second time neither."""
    error = raised(error_type)
    once = way(error)
    twice = way(once)
    assert type(once) is type(twice) is error_type
    assert once.to_dict() == error.to_dict()
    assert twice.to_dict() == error.to_dict()
    assert (str(once), once.args, once.context) == (str(error), error.args, error.context)


def test_a_record_holds_what_the_contract_names() -> None:
    """And the causes nearest first, the traceback with all of them."""
    record = raised(DockerError).to_dict()
    assert set(record) >= RECORD_KEYS
    assert record["cause"] == ["OSError: [Errno 5] Input/output error", "KeyError: 'deep'"]
    assert record["context"]["sizes"] == [1, 2]
    for part in ("KeyError: 'deep'", "Input/output error", "in raised", "seen twice"):
        assert part in record["traceback"]


def test_a_record_of_the_contract_alone_can_be_read() -> None:
    """Without what our own records have beside it; an unknown class is read as the base."""
    record = {
        key: value
        for key, value in raised(DockerError).to_dict().items()
        if key not in ("remedies", "traceback")
    }
    assert DeploymentSystemError.from_dict(record).remediation == ["mend it"]
    assert (
        type(DeploymentSystemError.from_dict({**record, "error_type": "GoneError"})) is DeploymentSystemError
    )


def test_a_child_with_other_arguments_survives_pickling() -> None:
    """Plug-ins have errors of their own."""
    back = through_pickle(PlugInError(7))
    assert (type(back), str(back), back.context.extra["exit_status"]) == (PlugInError, "ended with 7", 7)


class PlugInError(DockerError):
    """Takes a number in place of a message."""

    def __init__(self, exit_status: int) -> None:
        super().__init__(f"ended with {exit_status}", context=ErrorContext(exit_status=exit_status))


@pytest.mark.parametrize(("taken_away", "causes"), [(False, ["ValueError: low"]), (True, [])])
def test_the_cause_is_what_python_chains(taken_away: bool, causes: list[str]) -> None:
    """What was being handled counts too, unless `from None` takes it away."""

    def fail() -> None:
        try:
            int("low")
        except ValueError as error:
            error.args = ("low",)
            if taken_away:
                raise DockerError("x") from None
            raise DockerError("x")  # noqa: B904 - without `from`: that is what is tested

    with pytest.raises(DockerError) as caught:
        fail()
    assert caught.value.to_dict()["cause"] == causes


@pytest.mark.parametrize("way", WAYS)
def test_endless_and_very_long_chains_end(
    way: Callable[[DeploymentSystemError], DeploymentSystemError],
) -> None:
    """A cause of itself through another, and 3,000 causes."""
    first, second = DockerError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert way(first).to_dict()["cause"][0] == "ValueError: b"
    long = DockerError("top")
    link: BaseException = long
    for number in range(3000):
        link.__cause__ = ValueError(str(number))
        link = link.__cause__
    assert way(long).to_dict()["cause"][-1] == "ValueError: 2999"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.from_regex(r"x_[a-z]{1,8}", fullmatch=True)


@given(message=st.text(), flow=st.text(), extra=st.dictionaries(NAMES, JSON, max_size=4))
def test_any_content_comes_back(message: str, flow: str, extra: dict[str, Any]) -> None:
    """Through strict JSON in UTF-8."""
    error = ValidationError(message, context=ErrorContext(flow_name=flow, **extra))
    record = error.to_dict()
    text = json.dumps(record, ensure_ascii=False, allow_nan=False).encode("utf-8")
    back = DeploymentSystemError.from_dict(json.loads(text))
    assert back.to_dict() == record
    assert back.context == error.context


# -- fingerprints --------------------------------------------------------------------------------


def fingerprint(message: str = "x", cause: str = "", **context: Any) -> str:
    """Of a configuration's error."""
    return ConfigurationError(
        message,
        context=ErrorContext(**context),
        cause=OSError(cause) if cause else None,
    ).fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"file_path": "/home/ann/flows/a.py"}, {"file_path": "/srv/ci-17/flows/a.py"}),
        ({"file_path": "/home/ann/flows/a.py"}, {"file_path": "C:\\Users\\Bo\\flows\\a.py"}),
        ({"file_path": "flows/a.py"}, {"file_path": "flows\\a.py"}),
        ({"cause": "no '/home/Ann Lee/f/a.py'"}, {"cause": "no '/srv/f/a.py'"}),
        ({"cause": "no 'C:\\Users\\Bo\\a.py'"}, {"cause": "no '/srv/f/a.py'"}),
        ({"cause": "no /home/ann/f/a.py"}, {"cause": "no /srv/b/a.py"}),
        ({"cause": "<Pool at 0x7f00aa>"}, {"cause": "<Pool at 0x10b2>"}),
        ({"message": "waited 3.2 s"}, {"message": "waited 30.1 s"}),
        (
            {"message": "run 01890a5d-ac96-774b-bcce-b302099a8057"},
            {"message": "run ffffffff-ac96-774b-bcce-b30209900000"},
        ),
        ({"line_number": 3}, {"line_number": 40}),
    ],
)
def test_repeats_of_one_fault_have_one_fingerprint(one: dict[str, str], other: dict[str, str]) -> None:
    """On another machine, in another folder, in another run, after lines were added above."""
    assert fingerprint(**one) == fingerprint(**other)


@pytest.mark.parametrize(
    "other",
    [
        {"message": "unknown key 'b'"},
        {"file_path": "b.yaml"},
        {"flow_name": "load"},
        {"deployment_name": "nightly"},
        {"cause": "disk"},
    ],
)
def test_different_faults_have_different_fingerprints(other: dict[str, str]) -> None:
    """Two unknown keys of one file are two faults."""
    same = {"message": "unknown key 'a'", "file_path": "a.yaml"}
    assert fingerprint(**same) != fingerprint(**{**same, **other})


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    """Whatever the seed of Python's hashes; and it is the very one of version 1, for ever."""
    program = (
        "from deployment_system.error_handling import *;"
        "print(DockerError('no image', context=ErrorContext('load', tags={'a', 'b', 'c'})).fingerprint)"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert seen == {"1:5ca91cd11e5dcefd"}
