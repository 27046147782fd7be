"""Each wrong deployment-config.yaml is answered with a code, the very place and a remedy."""

from pathlib import Path
from typing import NamedTuple

import pytest

from deployment_system.config import load_configuration


class Bad(NamedTuple):
    """A wrong file and what must be said of it."""

    text: str
    code: str
    line: int | None
    column: int | None
    says: str


ENV = "environments:\n  development:\n    "
FLOW = "flows:\n  load:\n    "

BAD = {
    # YAML itself
    "a tab as indentation": Bad("scan:\n\tpaths: []\n", "CONFIG_INVALID_FORMAT", 2, 1, "tab"),
    "a tab after a key": Bad("a:\n  - b\n\t- c\n", "CONFIG_INVALID_FORMAT", 3, 1, "tab"),
    "an unclosed quote": Bad("project: 'x\n", "CONFIG_INVALID_FORMAT", 2, 1, "unexpected end"),
    "an unclosed bracket": Bad("scan: {paths: [a\n", "CONFIG_INVALID_FORMAT", 2, 1, "not valid YAML"),
    "two colons in a line": Bad("project: a: b\n", "CONFIG_INVALID_FORMAT", 1, 11, "mapping values"),
    "an at sign": Bad("project: @x\n", "CONFIG_INVALID_FORMAT", 1, 10, "cannot start"),
    "a key twice": Bad("project: a\nproject: b\n", "CONFIG_INVALID_FORMAT", 2, 1, "line 1"),
    "a nested key twice": Bad(
        ENV + "protected: true\n    protected: false\n", "CONFIG_INVALID_FORMAT", 4, 5, "given twice"
    ),
    "an alias without anchor": Bad("project: *nobody\n", "CONFIG_INVALID_FORMAT", 1, 10, "*nobody"),
    "an alias to itself": Bad("scan: &a\n  paths: *a\n", "CONFIG_INVALID_FORMAT", 2, 10, "inside"),
    "a tag that makes an object": Bad(
        "project: !!python/object/apply:os.system [ls]\n", "CONFIG_INVALID_FORMAT", 1, 10, "tag"
    ),
    "a local tag": Bad("project: !secret x\n", "CONFIG_INVALID_FORMAT", 1, 10, "!secret"),
    "two documents": Bad("project: a\n---\nproject: b\n", "CONFIG_INVALID_FORMAT", 2, 1, "second document"),
    "a list at the top": Bad("- a\n- b\n", "CONFIG_INVALID_FORMAT", 1, 1, "a list"),
    "a word at the top": Bad("hello\n", "CONFIG_INVALID_FORMAT", 1, 1, "a single value"),
    "a null byte": Bad("project: a\nx: \0\n", "CONFIG_INVALID_FORMAT", 2, 4, "null byte"),
    "a control character": Bad("project: \x07a\n", "CONFIG_INVALID_FORMAT", 1, 10, "U+0007"),
    "a number as key": Bad("1: x\n", "CONFIG_INVALID_FORMAT", 1, 1, "quotes"),
    "a null key": Bad("~: x\n", "CONFIG_INVALID_FORMAT", 1, 1, "quotes"),
    "a list as key": Bad("[a]: x\n", "CONFIG_INVALID_FORMAT", 1, 1, "key"),
    "a merge of text": Bad("<<: x\n", "CONFIG_INVALID_FORMAT", 1, 5, "<<"),
    "nesting without end": Bad("a: " + "[" * 70 + "]" * 70, "CONFIG_INVALID_FORMAT", 1, 67, "nested deeper"),
    # notifications
    "a part that no message has": Bad(
        "notifications:\n  routes:\n    a: {urls: ['json://h'], title: '{cod}'}\n",
        "CONFIG_INVALID_VALUE",
        3,
        36,
        "did you mean 'code'",
    ),
    "a lone brace in a template": Bad(
        "notifications:\n  routes:\n    a: {urls: ['json://h'], body: 'a } b'}\n",
        "CONFIG_INVALID_VALUE",
        3,
        35,
        "a lone '}'",
    ),
    "an event that no command has": Bad(
        "notifications:\n  routes:\n    a: {urls: ['json://h'], events: [deploid]}\n",
        "CONFIG_INVALID_VALUE",
        3,
        38,
        "deployed",
    ),
    "a category that no error has": Bad(
        "notifications:\n  routes:\n    a: {urls: ['json://h'], categories: [dokcer]}\n",
        "CONFIG_INVALID_VALUE",
        3,
        42,
        "did you mean 'docker'",
    ),
    "a code that no error has": Bad(
        "notifications:\n  routes:\n    a: {urls: ['json://h'], codes: [LOCK_HELT]}\n",
        "CONFIG_INVALID_VALUE",
        3,
        37,
        "did you mean 'LOCK_HELD'",
    ),
    "a time that no clock shows": Bad(
        "notifications:\n  routes:\n    a: {urls: ['json://h'], quiet_hours: {start: 25:00, end: 07:00}}\n",
        "CONFIG_INVALID_VALUE",
        3,
        50,
        "22:00",
    ),
    "a place without a clock": Bad(
        "notifications: {routes: {a: {urls: [b://h],\n"
        "  quiet_hours: {start: 22:00, end: 07:00, timezone: X}}}}\n",
        "TIMEZONE_INVALID",
        2,
        53,
        "Europe/London",
    ),
    "a channel that is no URL": Bad(
        "notifications:\n  routes:\n    a: {urls: [hunter2]}\n",
        "NOTIFICATION_URL_INVALID",
        3,
        16,
        "is ********",
    ),
    "a route without a channel": Bad(
        "notifications:\n  routes:\n    a: {urls: []}\n", "CONFIG_INVALID_VALUE", 3, 15, "one URL at least"
    ),
    "a route of an unknown environment": Bad(
        "notifications:\n  routes:\n    a: {urls: ['json://h'], environments: [prod]}\n",
        "ENVIRONMENT_NOT_CONFIGURED",
        3,
        44,
        "did you mean 'production'",
    ),
    # unknown keys
    "a misspelt key of a route": Bad(
        "notifications:\n  routes:\n    a: {urls: ['json://h'], evnts: []}\n",
        "CONFIG_UNKNOWN_KEY",
        3,
        29,
        "'events'",
    ),
    "a misspelt key at the top": Bad("projct: x\n", "CONFIG_UNKNOWN_KEY", 1, 1, "'project'"),
    "a key like no other": Bad("zzz: x\n", "CONFIG_UNKNOWN_KEY", 1, 1, "'zzz'"),
    "a misspelt key of an environment": Bad(
        ENV + "prefect_api_ulr: http://h/api\n", "CONFIG_UNKNOWN_KEY", 3, 5, "'prefect_api_url'"
    ),
    "a misspelt work pool type": Bad(
        ENV + "work_pools: {pyhton: a}\n", "CONFIG_UNKNOWN_KEY", 3, 18, "'python'"
    ),
    "a misspelt limit": Bad(ENV + "resource_limits: {mem: 1Gi}\n", "CONFIG_UNKNOWN_KEY", 3, 23, "'memory'"),
    "a misspelt key of a flow": Bad(FLOW + "schedule: []\n", "CONFIG_UNKNOWN_KEY", 3, 5, "'schedules'"),
    "a misspelt key of a schedule": Bad(
        FLOW + 'schedules: [{cron: "* * * * *", time_zone: UTC}]\n', "CONFIG_UNKNOWN_KEY", 3, 37, "'timezone'"
    ),
    "a misspelt key of an override": Bad(
        FLOW + "overrides: {development: {paramters: {}}}\n", "CONFIG_UNKNOWN_KEY", 3, 31, "'parameters'"
    ),
    "a misspelt key of the scan": Bad("scan: {path: [a]}\n", "CONFIG_UNKNOWN_KEY", 1, 8, "'paths'"),
    "a misspelt key of a git source": Bad(
        ENV + "source: {git: {url: x, branch: main}}\n", "CONFIG_UNKNOWN_KEY", 3, 28, "'branch'"
    ),
    "a capital letter": Bad("Project: x\n", "CONFIG_UNKNOWN_KEY", 1, 1, "'project'"),
    # values of the wrong type
    "a flag in words of YAML 1.1": Bad(
        ENV + "protected: yes\n", "CONFIG_INVALID_VALUE", 3, 16, "true or false"
    ),
    "a flag in quotes": Bad(ENV + 'protected: "yes"\n', "CONFIG_INVALID_VALUE", 3, 16, "true or false"),
    "a flag as number": Bad(ENV + "protected: 1\n", "CONFIG_INVALID_VALUE", 3, 16, "not 1"),
    "a number where text belongs": Bad(
        FLOW + "schedules: [{cron: 5}]\n", "CONFIG_INVALID_VALUE", 3, 24, "must be text"
    ),
    "a version as number": Bad(FLOW + "version: 1.10\n", "CONFIG_INVALID_VALUE", 3, 14, "1.10"),
    "a project as list": Bad("project: [a]\n", "CONFIG_INVALID_VALUE", 1, 10, "must be text"),
    "an empty project": Bad('project: ""\n', "CONFIG_INVALID_VALUE", 1, 10, "empty"),
    "text where a list belongs": Bad(FLOW + "tags: nightly\n", "CONFIG_INVALID_VALUE", 3, 11, "a list"),
    "a number among tags": Bad(FLOW + "tags: [a, 7]\n", "CONFIG_INVALID_VALUE", 3, 15, "must be text"),
    "a list where a mapping belongs": Bad(
        FLOW + "parameters: [a]\n", "CONFIG_INVALID_VALUE", 3, 17, "mapping"
    ),
    "environments as list": Bad("environments: [development]\n", "CONFIG_INVALID_VALUE", 1, 15, "mapping"),
    "an environment as text": Bad(
        "environments: {development: x}\n", "CONFIG_INVALID_VALUE", 1, 29, "mapping"
    ),
    "flows as list": Bad("flows: [load]\n", "CONFIG_INVALID_VALUE", 1, 8, "mapping"),
    "a flow as text": Bad("flows: {load: x}\n", "CONFIG_INVALID_VALUE", 1, 15, "mapping"),
    "scan paths as text": Bad("scan: {paths: flows}\n", "CONFIG_INVALID_VALUE", 1, 15, "a list"),
    "an unknown type": Bad(FLOW + "types: [python, podman]\n", "CONFIG_INVALID_VALUE", 3, 21, "docker"),
    "a parameter that JSON cannot hold": Bad(
        FLOW + "parameters: {x: [1, .nan]}\n", "CONFIG_INVALID_VALUE", 3, 25, "finite"
    ),
    # URLs, limits, policies
    "a URL of another scheme": Bad(
        ENV + "prefect_api_url: ftp://h/api\n", "SERVER_URL_INVALID", 3, 22, "http://"
    ),
    "a URL without scheme": Bad(
        ENV + "prefect_api_url: h:4200/api\n", "SERVER_URL_INVALID", 3, 22, "http://"
    ),
    "a URL without host": Bad(ENV + "prefect_api_url: http:///api\n", "SERVER_URL_INVALID", 3, 22, "host"),
    "a URL with a wild port": Bad(
        ENV + "prefect_api_url: http://h:99999/api\n", "SERVER_URL_INVALID", 3, 22, "ort"
    ),
    "a URL with a query": Bad(ENV + "prefect_api_url: http://h/api?x=1\n", "SERVER_URL_INVALID", 3, 22, "?"),
    "memory without sense": Bad(
        ENV + "resource_limits: {memory: lots}\n", "CONFIG_INVALID_VALUE", 3, 31, "512Mi"
    ),
    "memory as number": Bad(ENV + "resource_limits: {memory: 512}\n", "CONFIG_INVALID_VALUE", 3, 31, "text"),
    "negative cpu": Bad(ENV + "resource_limits: {cpu: -1}\n", "CONFIG_INVALID_VALUE", 3, 28, "more than 0"),
    "no time for an answer": Bad(
        ENV + "request_timeout_seconds: 0\n", "CONFIG_INVALID_VALUE", 3, 30, "more than 0"
    ),
    "cpu as text": Bad(ENV + 'resource_limits: {cpu: "half"}\n', "CONFIG_INVALID_VALUE", 3, 28, "a number"),
    "a pull policy of nobody": Bad(
        ENV + "image_pull_policy: Sometimes\n", "CONFIG_INVALID_VALUE", 3, 24, "IfNotPresent"
    ),
    "a state of another database": Bad(
        "state_url: mysql://h/d\n", "CONFIG_INVALID_VALUE", 1, 12, "sqlite:///"
    ),
    "a state without path": Bad("state_url: sqlite:///\n", "CONFIG_INVALID_VALUE", 1, 12, "PATH"),
    # sources
    "an empty source": Bad(ENV + "source: {}\n", "CONFIG_INVALID_VALUE", 3, 13, "local: true"),
    "two sources": Bad(
        ENV + "source: {local: true, git: {url: x}}\n", "CONFIG_INVALID_VALUE", 3, 13, "exactly one"
    ),
    "local: false": Bad(ENV + "source: {local: false}\n", "CONFIG_INVALID_VALUE", 3, 13, "local: false"),
    "git without url": Bad(
        ENV + "source: {git: {ref: main}}\n", "CONFIG_MISSING_REQUIRED_FIELD", 3, 14, "git.url is missing"
    ),
    "pull steps as text": Bad(ENV + "source: {pull_steps: clone}\n", "CONFIG_INVALID_VALUE", 3, 26, "a list"),
    # schedules
    "a schedule of no kind": Bad(
        FLOW + "schedules:\n      - {timezone: UTC}\n", "CONFIG_INVALID_VALUE", 4, 9, "none of cron"
    ),
    "a schedule of two kinds": Bad(
        FLOW + 'schedules:\n      - {cron: "* * * * *", interval: 5}\n',
        "CONFIG_INVALID_VALUE",
        4,
        9,
        "cron and interval",
    ),
    "a schedule as text": Bad(FLOW + 'schedules: ["0 5 * * *"]\n', "CONFIG_INVALID_VALUE", 3, 17, "mapping"),
    "an interval of nothing": Bad(
        FLOW + "schedules: [{interval: 0}]\n", "CONFIG_INVALID_VALUE", 3, 28, "more than 0"
    ),
    "an interval in words": Bad(
        FLOW + "schedules: [{interval: hourly}]\n", "CONFIG_INVALID_VALUE", 3, 28, "PT1H"
    ),
    "an anchor that is no moment": Bad(
        FLOW + "schedules: [{interval: 60, anchor_date: soon}]\n", "CONFIG_INVALID_VALUE", 3, 45, "ISO 8601"
    ),
    "an anchor for a cron": Bad(
        FLOW + 'schedules: [{cron: "* * * * *", anchor_date: "2026-01-01"}]\n',
        "CONFIG_INVALID_VALUE",
        3,
        17,
        "only an interval",
    ),
    "the same slug twice": Bad(
        FLOW + "schedules: [{interval: 5, slug: a}, {interval: 6, slug: a}]\n",
        "CONFIG_INVALID_VALUE",
        3,
        16,
        "slug 'a' twice",
    ),
    "a limit of no runs": Bad(FLOW + "concurrency_limit: 0\n", "CONFIG_INVALID_VALUE", 3, 24, "at least 1"),
    "a limit in words": Bad(FLOW + "concurrency_limit: one\n", "CONFIG_INVALID_VALUE", 3, 24, "whole number"),
    "an unknown collision strategy": Bad(
        FLOW + "concurrency_limit: {limit: 1, collision_strategy: WAIT}\n",
        "CONFIG_INVALID_VALUE",
        3,
        55,
        "ENQUEUE",
    ),
    "a template of more than three parts": Bad(
        FLOW + 'deployment_name: "{flow}-{team}"\n', "CONFIG_INVALID_VALUE", 3, 22, "{team}"
    ),
    "a template with an open brace": Bad(
        FLOW + 'deployment_name: "{flow"\n', "CONFIG_INVALID_VALUE", 3, 22, "'{'"
    ),
    # environments that do not exist
    "an unknown default environment": Bad(
        "default_environment: developmnt\n", "ENVIRONMENT_NOT_CONFIGURED", 1, 22, "'development'"
    ),
    "a flow for an unknown environment": Bad(
        FLOW + "environments: [development, prodution]\n", "ENVIRONMENT_NOT_CONFIGURED", 3, 33, "'production'"
    ),
    "an override for an unknown environment": Bad(
        FLOW + "overrides: {stagin: {}}\n", "ENVIRONMENT_NOT_CONFIGURED", 3, 17, "'staging'"
    ),
    # variables
    "a variable that is not set": Bad(
        ENV + 'prefect_api_key: "${NOBODY_SETS_THIS}"\n',
        "CONFIG_VARIABLE_NOT_SET",
        3,
        22,
        "NOBODY_SETS_THIS",
    ),
    "a variable's name that is none": Bad('project: "${1X}"\n', "CONFIG_INVALID_VALUE", 1, 10, "${1X}"),
    "a reference without end": Bad('project: "${X"\n', "CONFIG_INVALID_VALUE", 1, 10, "${X"),
    "a flag from a variable": Bad(
        ENV + "protected: ${WORD}\n", "CONFIG_INVALID_VALUE", 3, 16, "environment variable WORD"
    ),
    "a URL from a variable": Bad(
        ENV + "prefect_api_url: ${WORD}\n", "SERVER_URL_INVALID", 3, 22, "environment variable WORD"
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_wrong_file_is_answered_with_code_place_and_remedy(bad: Bad, tmp_path: Path) -> None:
    """One error, at the very key or value, whose message says what would be right."""
    (tmp_path / "deployment-config.yaml").write_text(bad.text, newline="")
    loaded = load_configuration(tmp_path, environ={"WORD": "hush-hush"})
    assert loaded.configuration is None
    assert [str(error.error_code) for error in loaded.errors] == [bad.code]
    [error] = loaded.errors
    assert (error.context.line_number, error.context.column) == (bad.line, bad.column)
    assert error.context.file_path == "deployment-config.yaml"
    assert bad.says in " ".join([error.message, *error.remediation])
    frame = dict(error.context.extra["source_lines"])
    assert bad.line in frame
    assert "hush-hush" not in f"{error.to_dict()}"


WORDS_OF_PYDANTIC = ("Input should be", "pydantic", "model_type", "type=", "Extra inputs", "literal_error")


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_messages_are_written_for_people(bad: Bad, tmp_path: Path) -> None:
    """No jargon of the library that found it."""
    (tmp_path / "deployment-config.yaml").write_text(bad.text, newline="")
    for error in load_configuration(tmp_path, environ={"WORD": "hush-hush"}).errors:
        assert not [word for word in WORDS_OF_PYDANTIC if word in error.message]
        assert error.message.isprintable()


def test_a_key_given_twice_does_not_hide_what_else_is_wrong(tmp_path: Path) -> None:
    """The rest of such a file is checked all the same."""
    (tmp_path / "deployment-config.yaml").write_text("project: a\nproject: b\nscan: []\n")
    errors = load_configuration(tmp_path, environ={}).errors
    assert [str(error.error_code) for error in errors] == ["CONFIG_INVALID_FORMAT", "CONFIG_INVALID_VALUE"]


def test_all_problems_are_reported_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    """Whoever repairs a file wants the whole list, from top to bottom."""
    (tmp_path / "deployment-config.yaml").write_text(
        "flows:\n  a:\n    types: [go]\n    bogus: 1\nprojct: x\nenvironments:\n"
        "  development:\n    protected: maybe\n    prefect_api_key: ${NOT_SET}\n"
    )
    loaded = load_configuration(tmp_path, environ={})
    assert [(str(error.error_code), error.context.line_number) for error in loaded.errors] == [
        ("CONFIG_INVALID_VALUE", 3),
        ("CONFIG_UNKNOWN_KEY", 4),
        ("CONFIG_UNKNOWN_KEY", 5),
        ("CONFIG_INVALID_VALUE", 8),
        ("CONFIG_VARIABLE_NOT_SET", 9),
    ]
