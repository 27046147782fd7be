"""An existing prefect.yaml: what is read of it, and what is refused with its place."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployment_system.config import PrefectDeployment, PrefectProject, Schedule, load_prefect_yaml
from deployment_system.error_handling import ErrorSeverity

ENVIRON = {"SET": "value", "EMPTY": "", "FLAG": "false", "NUMBER": "3", "SECRET": "hush-hush"}


def project(folder: Path, text: str, **environ: str) -> PrefectProject:
    """Reads a prefect.yaml of that text."""
    (folder / "prefect.yaml").write_text(text)
    found = load_prefect_yaml(folder, environ={**ENVIRON, **environ})
    assert found is not None
    return found


def only(folder: Path, keys: str, top: str = "", **environ: str) -> PrefectDeployment:
    """The only deployment of a file with these keys beside name and entrypoint."""
    found = project(folder, text_of(keys, top), **environ)
    assert found.errors == ()
    [deployment] = found.deployments
    return deployment


def text_of(keys: str, top: str = "") -> str:
    """A file with one deployment."""
    lines = "".join(f"    {line}\n" for line in keys.splitlines())
    return f"{top}deployments:\n  - name: a\n    entrypoint: flows.py:load\n{lines}"


def test_a_folder_without_the_file_has_no_project(tmp_path: Path) -> None:
    """None, and not an empty project."""
    assert load_prefect_yaml(tmp_path, environ={}) is None


def test_what_is_not_said_is_none(tmp_path: Path) -> None:
    """So that the environment can fill what the file leaves open."""
    assert only(tmp_path, "") == PrefectDeployment(name="a", entrypoint="flows.py:load")
    null = (
        "schedules: null\ntags: null\nversion: ''\npull: null\nbuild: null\npush: []\ntriggers: []\nsla: null"
    )
    assert only(tmp_path, null) == PrefectDeployment(name="a", entrypoint="flows.py:load")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (
            '{cron: "0 5 * * *", timezone: Europe/London}',
            Schedule(cron="0 5 * * *", timezone="Europe/London"),
        ),
        (
            '{cron: "0 5 * * *", active: no, day_or: "off"}',
            Schedule(cron="0 5 * * *", active=False, day_or=False),
        ),
        ("{interval: 3600, slug: s}", Schedule(interval=3600, slug="s")),
        ("{interval: PT1H30M}", Schedule(interval=5400)),
        ("{interval: 01:30:00}", Schedule(interval=5400)),
        ("{interval: 1:30:00}", Schedule(interval=5400)),
        ("{interval: 60, anchor_date: 2026-01-01}", Schedule(interval=60, anchor_date="2026-01-01")),
        (
            "{interval: 60, anchor_date: 2026-01-01 01:00:00 +1}",
            Schedule(interval=60, anchor_date="2026-01-01T00:00:00+00:00"),
        ),
        ('{cron: "0 5 * * *", anchor_date: "2026-01-01"}', Schedule(cron="0 5 * * *")),
        ("{rrule: FREQ=DAILY, parameters: {n: 1}}", Schedule(rrule="FREQ=DAILY", parameters={"n": 1})),
        (
            '{rrule: \'{"rrule": "FREQ=DAILY", "timezone": "Europe/Paris"}\'}',
            Schedule(rrule="FREQ=DAILY", timezone="Europe/Paris"),
        ),
        ('{cron: "0 5 * * *", active: "{{ $FLAG }}"}', Schedule(cron="0 5 * * *", active=False)),
    ],
)
def test_schedules_are_read_as_prefect_reads_them(written: str, read: Schedule, tmp_path: Path) -> None:
    """YAML 1.1 words and times, durations, rules as JSON, templates."""
    assert only(tmp_path, f"schedules: [{written}]").schedules == (read,)
    assert only(tmp_path, f"schedule: {written}").schedules == (read,)


def test_no_schedules_is_not_the_same_as_nothing_said(tmp_path: Path) -> None:
    """An empty list means that it runs on demand only."""
    assert only(tmp_path, "schedules: []").schedules == ()
    assert only(tmp_path, "schedule: {}").schedules is None


def test_yaml_1_1_holds_as_in_prefect(tmp_path: Path) -> None:
    """Words, octal numbers, dates and keys that are no text."""
    found = only(
        tmp_path,
        "parameters: {a: yes, b: 010, c: 1_000, d: 2026-01-01, e: 1:30, f: .5, h: 1e3,\n"
        "  g: {5: x, true: y, 1.5: z}}",
    )
    assert found.parameters == {
        "a": True,
        "b": 8,
        "c": 1000,
        "d": "2026-01-01",
        "e": 90,
        "f": 0.5,
        "g": {"5": "x", "true": "y", "1.5": "z"},
        "h": "1e3",
    }


def test_limits_flags_and_numbers_may_come_from_text(tmp_path: Path) -> None:
    """As Prefect takes them."""
    found = only(tmp_path, 'paused: "true"\nenforce_parameter_schema: no\nconcurrency_limit: 2')
    assert (found.paused, found.enforce_parameter_schema) == (True, False)
    assert found.concurrency_limit is not None
    assert found.concurrency_limit.limit == 2
    templated = only(tmp_path, 'concurrency_limit: {limit: "{{ $NUMBER }}", collision_strategy: CANCEL_NEW}')
    assert templated.concurrency_limit is not None
    assert templated.concurrency_limit.model_dump(exclude_none=True) == {
        "limit": 3,
        "collision_strategy": "CANCEL_NEW",
    }


STEP = "prefect.deployments.steps.set_working_directory"


def test_a_misspelt_pull_step_of_prefect_is_named_with_the_right_one(tmp_path: Path) -> None:
    """Prefect would find out at the first run. What resembles none of its steps may be a newer one."""
    (error,) = project(
        tmp_path, text_of("pull: [{prefect.deployments.steps.git_clon: {repository: x}}]")
    ).errors
    assert (error.error_code, error.context.line_number) == ("BUILD_STEP_INVALID", 4)
    assert error.message.endswith("did you mean prefect.deployments.steps.git_clone?")
    for function in ("prefect.deployments.steps.fetch_from_orbit", "mine.git_clon"):
        assert only(tmp_path, f"pull: [{{{function}: {{}}}}]").pull_steps == ({function: {}},)


def test_pull_steps_of_the_deployment_come_before_those_of_the_file(tmp_path: Path) -> None:
    """An empty list means none; null, a single mapping and absence as in Prefect."""
    top = f"pull: [{{{STEP}: {{directory: /top}}}}]\n"
    own = f"pull:\n  {STEP}: {{directory: /own}}"
    assert only(tmp_path, "", top).pull_steps == ({STEP: {"directory": "/top"}},)
    assert only(tmp_path, "pull: null", top).pull_steps == ({STEP: {"directory": "/top"}},)
    assert only(tmp_path, "pull: {}", top).pull_steps == ({STEP: {"directory": "/top"}},)
    assert only(tmp_path, own, top).pull_steps == ({STEP: {"directory": "/own"}},)
    assert only(tmp_path, "pull: []", top).pull_steps == ()
    assert only(tmp_path, "", "pull: []\n").pull_steps == ()
    assert only(tmp_path, "", "pull:\n").pull_steps is None


def test_pull_steps_keep_what_only_the_worker_knows(tmp_path: Path) -> None:
    """Set variables are replaced; all else is left as it is, as an earlier pull step gives it."""
    left = "{{ $NOT_SET }}/{{ clone.directory }}/{{ directory }}/{{ prefect.blocks.secret.x }}"
    clone = {"prefect.deployments.steps.git_clone": {"id": "clone", "repository": "https://x/y.git"}}
    steps = [clone, {STEP: {"directory": f"{{{{ $SET }}}}/{left}"}}]
    found = only(tmp_path, f"pull: {json.dumps(steps)}")
    assert found.pull_steps == (clone, {STEP: {"directory": f"value/{left}"}})


def test_variables_are_replaced_everywhere_else(tmp_path: Path) -> None:
    """In names, tags, parameters, job variables; also without the dollar, as Prefect does."""
    found = only(
        tmp_path,
        'tags: ["{{ $SET }}", "{{SET}}", "x{{ $EMPTY }}y"]\ndescription: "is {{ $SET }}"\n'
        'parameters: {n: "{{ $NUMBER }}"}\n'
        'work_pool: {name: "{{ $SET }}", job_variables: {env: {A: "{{ $SET }}"}}}',
    )
    assert (found.tags, found.description) == (("value", "value", "xy"), "is value")
    assert found.parameters == {"n": "3"}
    assert (found.work_pool_name, found.job_variables) == ("value", {"env": {"A": "value"}})


def test_job_variables_keep_what_the_worker_resolves(tmp_path: Path) -> None:
    """Blocks and Prefect variables are looked up at run time, so that no secret is stored."""
    kept = {
        "A": "{{ prefect.blocks.secret.token }}",
        "B": "{{ prefect.variables.zone }}",
        "C": "{{ ctx.flow_run.id }}",
    }
    lines = "".join(f'      {key}: "{value}"\n' for key, value in kept.items())
    assert only(tmp_path, f"work_pool:\n  job_variables:\n{lines}").job_variables == kept


def test_prefects_default_work_pool_fills_in(tmp_path: Path) -> None:
    """The shell's setting, where the file names none."""
    variable = {"PREFECT_DEFAULT_WORK_POOL_NAME": "usual"}
    assert only(tmp_path, "", **variable).work_pool_name == "usual"
    assert only(tmp_path, "work_pool: {name: own}", **variable).work_pool_name == "own"


def test_each_key_knows_its_place(tmp_path: Path) -> None:
    """Through anchors and merge keys, where the text itself stands."""
    found = only(
        tmp_path,
        "schedules:\n  - <<: *weekdays\n    slug: s\nparameters: {n: 1}",
        'definitions:\n  s: &weekdays\n    cron: "0 5 * * 1-5"\n',
    )
    assert found.place.line_number == 5
    assert found.places["schedules.0.cron"].line_number == 3
    assert found.places["schedules.0.slug"].line_number == 9
    assert (found.places["parameters.n"].line_number, found.places["parameters.n"].column) == (10, 21)
    assert found.places.get("tags") is None


class Bad(NamedTuple):
    """Keys of a deployment that are wrong, and what must be said of them."""

    keys: str
    code: str
    line: int
    column: int
    says: str


UNSUPPORTED = "PREFECT_YAML_UNSUPPORTED"
BAD = {
    "triggers": Bad("triggers: [{enabled: true}]", UNSUPPORTED, 4, 5, "triggers"),
    "sla": Bad("sla: [{name: x}]", UNSUPPORTED, 4, 5, "sla"),
    "a version type": Bad("version_type: prefect:git", UNSUPPORTED, 4, 5, "version_type"),
    "a renamed schedule": Bad("schedules: [{interval: 5, replaces: x}]", UNSUPPORTED, 4, 17, "replaces"),
    "a block in a tag": Bad('tags: ["{{ prefect.blocks.secret.x }}"]', UNSUPPORTED, 4, 12, "job variables"),
    "a variable in parameters": Bad(
        'parameters: {n: "{{ prefect.variables.x }}"}', UNSUPPORTED, 4, 21, "parameters.n"
    ),
    "a block by id": Bad(
        'parameters: {n: {$ref: {block_document_id: "1"}}}', UNSUPPORTED, 4, 21, "by its id"
    ),
    "a run's context in a description": Bad('description: "{{ ctx.x }}"', UNSUPPORTED, 4, 18, "worker"),
    "a step's output": Bad(
        'work_pool: {job_variables: {image: "{{ build-image.image }}"}}',
        "BUILD_STEP_OUTPUT_UNKNOWN",
        4,
        40,
        "build-image.image",
    ),
    "a variable that is not set": Bad(
        'tags: ["{{ $NOT_SET }}"]', "CONFIG_VARIABLE_NOT_SET", 4, 12, "NOT_SET"
    ),
    "a misspelt key": Bad("paramters: {}", "CONFIG_UNKNOWN_KEY", 4, 5, "'parameters'"),
    "a key of former Prefects": Bad("infra_overrides: {}", "CONFIG_UNKNOWN_KEY", 4, 5, "infra_overrides"),
    "a misspelt key of the pool": Bad(
        "work_pool: {work_que_name: x}", "CONFIG_UNKNOWN_KEY", 4, 17, "work_queue_name"
    ),
    "a misspelt key of a schedule": Bad(
        'schedules: [{crom: "* * * * *", interval: 5}]', "CONFIG_UNKNOWN_KEY", 4, 18, "'cron'"
    ),
    "tags as text": Bad("tags: nightly", "CONFIG_INVALID_VALUE", 4, 11, "a list"),
    "a version as number": Bad("version: 2.10", "CONFIG_INVALID_VALUE", 4, 14, "2.10"),
    "a schedule of no kind": Bad("schedules: [{slug: x}]", "CONFIG_INVALID_VALUE", 4, 17, "none of cron"),
    "two spellings of schedules": Bad(
        "schedule: {interval: 5}\n    schedules: []".replace("    ", ""),
        "CONFIG_INVALID_VALUE",
        2,
        5,
        "schedules",
    ),
    "a rule that is no JSON": Bad("schedules: [{rrule: '{x'}]", "CONFIG_INVALID_VALUE", 4, 17, "JSON"),
    "a limit in words": Bad("concurrency_limit: one", "CONFIG_INVALID_VALUE", 4, 24, "whole number"),
    "a limit from a secret": Bad(
        'concurrency_limit: "{{ $SECRET }}"', "CONFIG_INVALID_VALUE", 4, 24, "environment variable SECRET"
    ),
    "pull steps as text": Bad("pull: clone", "CONFIG_INVALID_FORMAT", 4, 11, "list of steps"),
    "the same key twice": Bad("tags: []\ntags: []", "CONFIG_INVALID_FORMAT", 5, 5, "given twice"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_what_is_wrong_is_refused_at_its_place(bad: Bad, tmp_path: Path) -> None:
    """One error, with the deployment's name, and no value of a variable in it."""
    found = project(tmp_path, text_of(bad.keys))
    assert found.deployments == ()
    [error] = found.errors
    assert str(error.error_code) == bad.code
    assert (error.context.line_number, error.context.column) == (bad.line, bad.column)
    assert error.context.file_path == "prefect.yaml"
    assert bad.says in " ".join([error.message, *error.remediation])
    assert "hush" not in f"{error.to_dict()}"
    if bad.code != "CONFIG_INVALID_FORMAT":
        assert error.context.deployment_name == "a"


def test_one_wrong_deployment_does_not_keep_the_others(tmp_path: Path) -> None:
    """Each of the wrong ones is reported, all at once, and the right ones are there."""
    found = project(
        tmp_path,
        "deployments:\n  - {name: a, entrypoint: f.py:a}\n  - {entrypoint: f.py:b}\n  - {name: c}\n  - text\n"
        "  - {name: null, entrypoint: f.py:e}\n  - {name: g, entrypoint: f.py:g}\n",
    )
    assert [deployment.name for deployment in found.deployments] == ["a", "g"]
    assert [(str(error.error_code), error.context.line_number) for error in found.errors] == [
        ("CONFIG_MISSING_REQUIRED_FIELD", 3),
        ("CONFIG_MISSING_REQUIRED_FIELD", 4),
        ("CONFIG_INVALID_FORMAT", 5),
        ("CONFIG_MISSING_REQUIRED_FIELD", 6),
    ]
    called = [error.context.deployment_name for error in found.errors]
    assert called == ["deployments[1]", "c", "deployments[3]", "deployments[4]"]


def test_the_same_deployment_twice_is_an_error(tmp_path: Path) -> None:
    """The second would silently replace the first; another flow may have the same name."""
    found = project(
        tmp_path,
        "deployments:\n  - {name: a, entrypoint: f.py:x}\n  - {name: a, entrypoint: f.py:y}\n"
        "  - {name: a, entrypoint: f.py:x}\n",
    )
    assert [deployment.entrypoint for deployment in found.deployments] == ["f.py:x", "f.py:y"]
    [error] = found.errors
    assert (str(error.error_code), error.context.line_number) == ("DEPLOYMENT_NAME_DUPLICATE", 4)


def test_keys_at_the_top_that_nobody_reads_are_a_hint_and_misspellings_an_error(tmp_path: Path) -> None:
    """People keep anchors there, and Prefect does not mind."""
    found = project(tmp_path, "definitions: {}\nx-mine: {}\nteam: data\ndeploymnets: []\n")
    assert [(error.message, error.context.line_number) for error in found.errors] == [
        ("unknown key 'deploymnets': did you mean 'deployments'?", 4)
    ]
    [hint] = found.warnings
    assert (hint.severity, hint.context.line_number) == (ErrorSeverity.LOW, 3)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("- a\n", "CONFIG_INVALID_FORMAT"),
        ("deployments: {a: b}\n", "CONFIG_INVALID_FORMAT"),
        ("deployments: [\n", "CONFIG_INVALID_FORMAT"),
        ("a: !!python/name:os.system\n", "CONFIG_INVALID_FORMAT"),
    ],
)
def test_files_of_another_shape_are_errors(text: str, code: str, tmp_path: Path) -> None:
    """No deployment, and the reason."""
    found = project(tmp_path, text)
    assert (found.deployments, [str(error.error_code) for error in found.errors]) == ((), [code])


@pytest.mark.parametrize("text", ["", "name: x\n", "deployments:\n", "deployments: []\n"])
def test_a_file_without_deployments_is_a_project_without_deployments(text: str, tmp_path: Path) -> None:
    """That is allowed."""
    found = project(tmp_path, text)
    assert (found.deployments, found.errors) == ((), ())


def test_a_folder_of_that_name_is_an_error(tmp_path: Path) -> None:
    """And says so."""
    (tmp_path / "prefect.yaml").mkdir()
    found = load_prefect_yaml(tmp_path, environ={})
    assert found is not None
    assert [str(error.error_code) for error in found.errors] == ["CONFIG_FILE_UNREADABLE"]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["{{ $X }}", "{{ a }}", "x", "", "2026-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cron", "interval", "name", "limit", "$ref", "x"]), inner, max_size=3
        )
    ),
    max_leaves=10,
)
KEYS = st.sampled_from(
    [
        "name",
        "entrypoint",
        "tags",
        "schedules",
        "schedule",
        "pull",
        "build",
        "work_pool",
        "parameters",
        "paused",
    ]
)


@settings(max_examples=300, deadline=None)
@given(deployments=st.lists(st.dictionaries(KEYS, VALUES, max_size=5), max_size=3))
def test_no_shape_of_data_makes_it_fail_otherwise_than_by_errors(
    deployments: list[object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Right keys with wrong values, nested at random: each deployment is there or has an error."""
    found = project(tmp_path_factory.mktemp("any"), json.dumps({"deployments": deployments}))
    assert len(found.deployments) == len(deployments) or found.errors
