"""Errors with content that nobody expects, and with content that nobody may see."""

import json
import pickle
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deployment_system.error_handling import (
    DeploymentSystemError,
    DockerError,
    ErrorCategory,
    ErrorContext,
    format_user_error,
)

HIDDEN = "********"


class Unshowable:
    """Raises whenever it is looked at."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


class UnreadableMapping(Mapping[str, int]):
    """Raises while it is read."""

    def __getitem__(self, key: str) -> int:
        raise OSError("gone")

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1


def recursive() -> dict[str, Any]:
    """Contains itself."""
    inner: dict[str, Any] = {"a": 1}
    inner["self"] = inner
    return inner


def doubling() -> list[Any]:
    """Two to the hundredth values, by a hundred lists."""
    value: list[Any] = []
    for _ in range(100):
        value = [value, value]
    return value


def nested() -> list[Any]:
    """Deeper than Python's stack."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


ODD: dict[str, Any] = {
    "bytes": b"\xff\x00ok",
    "surrogate": "a\udcffb",
    "unshowable": Unshowable(),
    "unshowable key": {Unshowable(): 1},
    "unreadable": UnreadableMapping(),
    "recursive": recursive(),
    "doubling": doubling(),
    "nested": nested(),
    "huge text": "x y " * 500_000,
    "huge number": 10**6000,
    "not a number": float("nan"),
    "infinite": float("-inf"),
    "set": {"b", "a"},
    "path": Path("a/b"),
    "enum": ErrorCategory.DOCKER,
    "type": int,
    "exception": ValueError("x"),
    "keys": {1: "a", None: "b", (1, 2): "c"},
    "generator": (number for number in (1, 2)),
}


@pytest.mark.parametrize("value", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize(
    "place", ["message", "extra", "file_path", "flow_name", "line_number", "remedy", "cause"]
)
def test_odd_content_never_crashes(place: str, value: Any) -> None:
    """In any place: strict JSON, the text for people, the fingerprint, pickling, and the way back."""
    if value is ODD["doubling"] and place not in ("extra", "line_number"):
        pytest.skip("its text is longer than the memory: Python itself cannot make it")
    error = {
        "message": lambda: DockerError(value),
        "extra": lambda: DockerError("x", context=ErrorContext(value=value, source_lines=value)),
        "file_path": lambda: DockerError("x", context=ErrorContext(file_path=value, line_number=1)),
        "flow_name": lambda: DockerError("x", context=ErrorContext(value)),
        "line_number": lambda: DockerError("x", context=ErrorContext("a", line_number=value, column=value)),
        "remedy": lambda: DockerError("x", remediation=[value]),
        "cause": lambda: DockerError("x", cause=ValueError(value)),
    }[place]()
    record = error.to_dict()
    text = json.dumps(record, ensure_ascii=False, allow_nan=False).encode("utf-8")
    assert DeploymentSystemError.from_dict(json.loads(text)).to_dict() == record
    assert len(format_user_error(error, details=True)) < 20_000
    assert error.fingerprint.startswith("1:")
    if place != "line_number":  # kept as it is until it is shown: a number is never anything else
        assert pickle.loads(pickle.dumps(error)).to_dict() == record  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (b"\xff\x00ok", "\\xff\x00ok"),
        ("a\udcffb", "a\\udcffb"),
        (Unshowable(), "<Unshowable that cannot be shown>"),
        (recursive(), {"a": 1, "self": "…"}),
        ({"b", "a"}, ["a", "b"]),
        ((1, (2,)), [1, [2]]),
        (Path("a/b"), "a/b"),
        (ErrorCategory.DOCKER, "docker"),
        (float("nan"), "nan"),
        ({1: True, None: None}, {"1": True, "None": None}),
    ],
)
def test_odd_values_are_kept_as_near_as_json_can(value: Any, plain: Any) -> None:
    """Escaped, listed or named, not dropped."""
    assert DockerError("x", context=ErrorContext(fact=value)).to_dict()["context"]["fact"] == plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://ann:hunter2@host/x", f"http://{HIDDEN}@host/x"),
        ("postgresql://ann:hun@ter2@host", f"postgresql://{HIDDEN}@host"),
        ("GET /a?token=hunter2&page=3", f"GET /a?token={HIDDEN}&page=3"),
        ("GET /a?sig=hunter2%3D", f"GET /a?sig={HIDDEN}"),
        ("PREFECT_API_KEY=hunter2 set", f"PREFECT_API_KEY={HIDDEN} set"),
        ("password = 'hunter2 x'", f"password = '{HIDDEN}'"),
        ('{"api_key": "hunter2", "a": 1}', f'{{"api_key": "{HIDDEN}", "a": 1}}'),
        ("Authorization: Bearer hunter2hunter2", f"Authorization: Bearer {HIDDEN}"),
        ("basic YW5uOmh1bnRlcjI=", f"basic {HIDDEN}"),
        ("key pnu_0123456789abcdefhunter2 is", f"key {HIDDEN} is"),
        ("ghp_0123456789abcdefghijABCDEFGHIJhunter2", HIDDEN),
    ],
)
def test_a_secret_in_any_text_is_hidden_everywhere(text: str, shown: str) -> None:
    """In the message, the context, the causes, the remedy and the traceback; in JSON and for people."""
    with pytest.raises(DockerError) as caught:
        raise DockerError(
            text,
            context=ErrorContext(
                operation=text, file_path=text, line_number=1, source_lines=[[1, text]], deep=[text]
            ),
            remediation=text,
            cause=ValueError(text),
        )
    error = caught.value
    assert (str(error), error.context.operation, error.context.extra["deep"]) == (shown, shown, [shown])
    assert error.to_dict()["context"]["file_path"] == shown
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    for told in (
        *(json.dumps(error.to_dict()), repr(error), repr(error.context)),
        *(format_user_error(error, details=True), json.dumps(back.to_dict())),
    ):
        assert "hunter2" not in told
        assert "YW5uOmh1bnRlcjI" not in told


@pytest.mark.parametrize(
    "key", ["password", "api_key", "API-KEY", "PREFECT_API_KEY", "db_token", "client_secret"]
)
def test_values_of_telling_keys_are_hidden(key: str) -> None:
    """At any depth, whatever their type; that there is none is no secret."""
    facts: dict[str, Any] = {key: 12345}
    context = ErrorContext(**facts, job={"env": [{key: ["hunter2"]}]}, other={key: None})
    assert context.to_dict() == {key: HIDDEN, "job": {"env": [{key: HIDDEN}]}, "other": {key: None}}


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:4200/api answers a@b.example",
        "ssh://git@github.com/team/flows.git",
        "unknown key 'prefect_api_keey': did you mean 'prefect_api_key'?",
        "PREFECT_API_KEY=${PREFECT_API_KEY:-} and token: '{{ $TOKEN }}'",
        "set password=<yours>",
        "max_tokens=5",
        "basic authentication is required; bearer authentication too",
        "the secret of a good token is its password",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Names, references, places to fill in, prose."""
    assert DockerError(text).message == text


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "password",
        "password=",
        "://",
        "://a",
        "bearer ",
        "token'",
        "tokenx ",
        "pnu_",
        "?key",
        "eyJaaaaaaaaaaa",
    ],
)
def test_hiding_takes_time_in_proportion_to_the_text(unit: str) -> None:
    """A megabyte of what begins like a secret is read in moments, not in minutes."""
    began = time.process_time()
    DockerError(unit * (1_000_000 // len(unit)))
    assert time.process_time() - began < 5
