"""Where the configuration is found, which environment is active, and files that are no usable text."""

import json
import os
import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployment_system.config import LoadedConfiguration, load_configuration
from deployment_system.config.scalars import Dialect
from deployment_system.config.source_frame import safe_line
from deployment_system.config.yaml_nodes import MOST_NODES
from deployment_system.config.yaml_source import LARGEST_FILE, read_yaml
from deployment_system.error_handling import ErrorCodes, ErrorSeverity

DOCUMENTED = """\
project: my-flows
default_environment: development
state_url: null
error_retention_days: 30

scan:
  paths: [flows]
  exclude: ["**/tests/**", "**/test_*.py"]

environments:
  development:
    prefect_api_url: "http://127.0.0.1:4200/api"
    prefect_api_key: "${PREFECT_API_KEY:-}"
    protected: false
    work_pools: {python: default-pool, docker: docker-pool}
    default_parameters: {}
    default_tags: [env:development]
    job_variables: {}
    resource_limits: {memory: 512Mi, cpu: 0.5}
    docker_registry: null
    docker_host: "unix:///run/docker.sock"
    image: {base: "python:3.12", context: ., build_args: {A: b}, secrets: {token: {env: T}}, network: host}
    outage_patience_seconds: 5
    image_pull_policy: IfNotPresent
    networks: []
    volumes: []
    source: {local: true}
  staging:
    source: {git: {url: "https://git.example.com/team/flows.git", ref: main}}
  production:
    protected: true
    source: {pull_steps: [{prefect.deployments.steps.set_working_directory: {directory: /srv}}]}

flows:
  nightly-load:
    types: [python, docker]
    environments: [staging, production]
    schedules: [{cron: "0 5 * * *", timezone: Europe/London, slug: nightly, active: true, parameters: {}}]
    parameters: {}
    tags: []
    description: null
    version: null
    concurrency_limit: null
    work_pool: null
    job_variables: {}
    dockerfile: null
    overrides: {production: {concurrency_limit: 1}}
"""


def load(folder: Path, text: str | bytes, **more: str) -> LoadedConfiguration:
    """Loads a file of that content."""
    content = text.encode() if isinstance(text, str) else text
    (folder / "deployment-config.yaml").write_bytes(content)
    return load_configuration(folder, environ=more)


def code(loaded: LoadedConfiguration) -> str:
    """The code of the only error."""
    [error] = loaded.errors
    return str(error.error_code)


def test_the_documented_file_loads_to_what_it_says(tmp_path: Path) -> None:
    """Every documented key, value by value."""
    loaded = load(tmp_path, DOCUMENTED)
    assert (loaded.errors, loaded.warnings) == ((), ())
    assert loaded.configuration is not None
    assert loaded.configuration.model_dump(exclude_none=True) == {
        "project": "my-flows",
        "default_environment": "development",
        "error_retention_days": 30,
        "notifications": {"routes": {}, "timeout_seconds": 10.0},
        "prefect_events": True,
        "deployment_name": "{flow}-{type}-{environment}",
        "scan": {"paths": ("flows",), "exclude": ("**/tests/**", "**/test_*.py")},
        "environments": {
            "development": {
                "prefect_api_url": "http://127.0.0.1:4200/api",
                "request_timeout_seconds": 30.0,
                "protected": False,
                "work_pools": {"python": "default-pool", "docker": "docker-pool"},
                "default_parameters": {},
                "default_tags": ("env:development",),
                "job_variables": {},
                "resource_limits": {"memory": "512Mi", "cpu": 0.5},
                "docker_host": "unix:///run/docker.sock",
                "image": {
                    "base": "python:3.12",
                    "context": ".",
                    "build_args": {"A": "b"},
                    "secrets": {"token": {"env": "T"}},
                    "network": "host",
                },
                "image_pull_policy": "IfNotPresent",
                "networks": (),
                "volumes": (),
                "outage_patience_seconds": 5.0,
                "source": {"local": True},
            },
            "staging": {
                **DEFAULTS,
                "source": {"git": {"url": "https://git.example.com/team/flows.git", "ref": "main"}},
            },
            "production": {
                **DEFAULTS,
                "protected": True,
                "source": {
                    "pull_steps": (
                        {"prefect.deployments.steps.set_working_directory": {"directory": "/srv"}},
                    )
                },
            },
        },
        "flows": {
            "nightly-load": {
                "types": ("python", "docker"),
                "environments": ("staging", "production"),
                "schedules": (
                    {
                        "cron": "0 5 * * *",
                        "timezone": "Europe/London",
                        "slug": "nightly",
                        "day_or": True,
                        "active": True,
                        "parameters": {},
                    },
                ),
                "parameters": {},
                "tags": (),
                "job_variables": {},
                "overrides": {"production": {"concurrency_limit": {"limit": 1}}},
            }
        },
    }
    kinds = [environment.source.kind for environment in loaded.configuration.environments.values()]
    assert kinds == ["local", "git", "pull_steps"]
    assert loaded.configuration.environments["staging"].source.ref == "main"


IMAGE_DEFAULTS: dict[str, object] = {"build_args": {}, "secrets": {}}
DEFAULTS = {
    "request_timeout_seconds": 30.0,
    "protected": False,
    "work_pools": {"python": "default-pool", "docker": "docker-pool"},
    "default_parameters": {},
    "default_tags": (),
    "job_variables": {},
    "resource_limits": {},
    "image": IMAGE_DEFAULTS,
    "image_pull_policy": "IfNotPresent",
    "networks": (),
    "volumes": (),
    "outage_patience_seconds": 60.0,
}


def test_the_file_is_found_above_but_not_outside_the_repository(tmp_path: Path) -> None:
    """A command works in any folder of the repository, and a stranger's file above it is not taken."""
    inner = tmp_path / "repository" / "flows" / "deep"
    inner.mkdir(parents=True)
    (tmp_path / "deployment-config.yaml").write_text("project: stranger\n")
    (tmp_path / "repository" / ".git").mkdir()
    assert load_configuration(inner, environ={}).file is None
    (tmp_path / "repository" / "deployment-config.yaml").write_text("project: ours\n")
    loaded = load_configuration(inner, environ={})
    assert loaded.root == tmp_path / "repository"
    assert loaded.configuration is not None
    assert loaded.configuration.project == "ours"


def test_without_a_file_the_three_usual_environments_hold_and_a_hint_says_so(tmp_path: Path) -> None:
    """Sensible defaults; production asks before every change, as nobody has said that it need not."""
    loaded = load_configuration(tmp_path, environ={})
    [warning] = loaded.warnings
    assert (warning.error_code, warning.severity) == (ErrorCodes.CONFIG_FILE_NOT_FOUND, ErrorSeverity.LOW)
    assert "deployment-cli init" in warning.remediation[0]
    assert loaded.configuration is not None
    assert loaded.configuration.project == tmp_path.name
    protected = {name: item.protected for name, item in loaded.configuration.environments.items()}
    assert protected == {"development": False, "staging": False, "production": True}


def test_a_file_that_was_asked_for_and_is_missing_is_an_error(tmp_path: Path) -> None:
    """--config FILE never falls back to defaults."""
    loaded = load_configuration(tmp_path, config_file=Path("other.yaml"), environ={})
    assert code(loaded) == "CONFIG_FILE_NOT_FOUND"
    assert loaded.configuration is None


def test_a_file_that_was_asked_for_makes_its_folder_the_root(tmp_path: Path) -> None:
    """Paths in a configuration are relative to it."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.yaml").write_text("project: x\n")
    loaded = load_configuration(tmp_path, config_file=Path("a/x.yaml"), environ={})
    assert (loaded.root, loaded.errors) == (tmp_path / "a", ())


ENVIRONMENTS = "default_environment: ${FIRST:-b}\nenvironments: {a: {}, b: {}, c: {}, development: {}}\n"


@pytest.mark.parametrize(
    ("argument", "environ", "expected"),
    [
        ("a", {"DEPLOYMENT_ENV": "c"}, "a"),
        (None, {"DEPLOYMENT_ENV": "c"}, "c"),
        (None, {"DEPLOYMENT_ENV": ""}, "b"),
        (None, {"FIRST": "a"}, "a"),
        (None, {}, "b"),
    ],
)
def test_argument_variable_file_decide_the_environment_in_this_order(
    argument: str | None, environ: dict[str, str], expected: str, tmp_path: Path
) -> None:
    """--env, DEPLOYMENT_ENV, default_environment."""
    (tmp_path / "deployment-config.yaml").write_text(ENVIRONMENTS)
    loaded = load_configuration(tmp_path, environ=environ, environment=argument)
    assert (loaded.environment_name, loaded.errors) == (expected, ())


def test_without_a_word_on_it_development_is_active(tmp_path: Path) -> None:
    """The last of the defaults."""
    assert load(tmp_path, "project: x\n").environment_name == "development"


def test_an_environment_that_is_not_configured_names_the_nearest(tmp_path: Path) -> None:
    """With the ones that there are."""
    (tmp_path / "deployment-config.yaml").write_text("environments: {production: {}}\n")
    loaded = load_configuration(tmp_path, environ={}, environment="prod")
    assert code(loaded) == "ENVIRONMENT_NOT_CONFIGURED"
    assert "did you mean 'production'" in loaded.errors[0].message
    assert loaded.errors[0].context.environment == "prod"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n", "\ufeff"])
def test_an_empty_file_means_defaults(text: str, tmp_path: Path) -> None:
    """An empty mapping and an empty file are the same."""
    loaded = load(tmp_path, text)
    assert loaded.errors == ()
    assert loaded.configuration is not None


def test_a_byte_order_mark_and_foreign_line_ends_are_read(tmp_path: Path) -> None:
    """Files from Windows; columns do not count the mark."""
    loaded = load(tmp_path, b"\xef\xbb\xbfprojct: x\r\nscan: {}\r\n")
    assert (loaded.errors[0].context.line_number, loaded.errors[0].context.column) == (1, 1)
    assert load(tmp_path, b"\xef\xbb\xbfproject: x\r\nscan: {}\r\n").errors == ()


def test_text_of_another_encoding_is_answered_with_the_place(tmp_path: Path) -> None:
    """Latin-1 and UTF-16, as editors on Windows write them."""
    loaded = load(tmp_path, "project: a\n# Grüße\n".encode("latin-1"))
    assert code(loaded) == "CONFIG_INVALID_FORMAT"
    assert (loaded.errors[0].context.line_number, loaded.errors[0].context.column) == (2, 5)
    assert "UTF-16" in load(tmp_path, "project: a\n".encode("utf-16")).errors[0].message


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    """And says that it is one."""
    (tmp_path / "deployment-config.yaml").mkdir()
    loaded = load_configuration(tmp_path, environ={})
    assert code(loaded) == "CONFIG_FILE_UNREADABLE"
    assert "folder" in loaded.errors[0].message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    """And says whose fault it is."""
    (tmp_path / "deployment-config.yaml").touch(mode=0)
    loaded = load_configuration(tmp_path, environ={})
    assert code(loaded) == "CONFIG_FILE_UNREADABLE"
    assert "may not be read" in loaded.errors[0].message


def test_a_link_to_nowhere_is_an_error_and_not_a_missing_file(tmp_path: Path) -> None:
    """Somebody meant a file to be there."""
    (tmp_path / "deployment-config.yaml").symlink_to(tmp_path / "gone.yaml")
    loaded = load_configuration(tmp_path, environ={})
    assert code(loaded) == "CONFIG_FILE_NOT_FOUND"
    assert loaded.configuration is None


def test_a_file_of_100_megabytes_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    """It is never read: at once, and without memory."""
    file = tmp_path / "deployment-config.yaml"
    with file.open("wb") as opened:
        opened.truncate(100 * 1024 * 1024)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loaded = load_configuration(tmp_path, environ={})
    assert code(loaded) == "CONFIG_TOO_LARGE"
    assert "104,857,600" in loaded.errors[0].message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kilobytes


def test_aliases_that_expand_without_end_are_stopped_by_their_count() -> None:
    """Ten levels of ten aliases each would be 10,000,000,000 values."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    reading = read_yaml("\n".join(levels).encode(), shown_as="x.yaml", dialect=Dialect.YAML_1_2)
    [error] = reading.errors
    assert error.error_code is ErrorCodes.CONFIG_INVALID_FORMAT
    assert f"{MOST_NODES:,}" in error.message
    assert error.context.line_number == 5
    assert reading.document.values == {}


def test_merges_that_expand_without_end_are_stopped_too() -> None:
    """Merge keys copy as aliases do."""
    levels = ["a0: &a0 {" + ", ".join(f"k{n}: {n}" for n in range(100)) + "}"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 100)}]" for n in range(1, 4)]
    reading = read_yaml("\n".join(levels).encode(), shown_as="x.yaml", dialect=Dialect.YAML_1_2)
    assert len(reading.errors) == 1


def test_aliases_do_not_nest_deeper_than_allowed() -> None:
    """Each anchor wraps the one before: nesting that the text itself does not show."""
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 2000))]
    reading = read_yaml("\n".join(lines).encode(), shown_as="x.yaml", dialect=Dialect.YAML_1_2)
    assert "nested deeper" in reading.errors[0].message


def test_anchors_and_merge_keys_are_welcome(tmp_path: Path) -> None:
    """The own key wins over the merged, the first merged over the second, and places point at the source."""
    loaded = load(
        tmp_path,
        "environments:\n  development: &base\n    protected: true\n    default_tags: [a]\n"
        "  staging:\n    <<: *base\n    default_tags: [b]\n"
        "  production:\n    <<: [{docker_registry: r}, *base]\n",
    )
    assert loaded.configuration is not None
    environments = loaded.configuration.environments
    assert [item.protected for item in environments.values()] == [True, True, True]
    assert (environments["staging"].default_tags, environments["production"].docker_registry) == (("b",), "r")
    assert loaded.place("environments", "staging", "protected").line_number == 3


def test_secrets_are_shown_nowhere(tmp_path: Path) -> None:
    """Neither the key of this environment nor one on a line beside an error."""
    loaded = load(tmp_path, "environments:\n  development:\n    prefect_api_key: pnu_very_secret\n")
    assert loaded.configuration is not None
    assert "pnu_very_secret" not in repr(loaded)
    wrong = load(
        tmp_path,
        "environments:\n  development:\n    prefect_api_key: pnu_very_secret\n    bogus: 1\n"
        "    prefect_api_url: ftp://user:pnu_very_secret@host/api\n",
    )
    assert len(wrong.errors) == 2
    assert "pnu_very_secret" not in f"{[error.to_dict() for error in wrong.errors]}"


YAML_LIKE = st.text(alphabet="ab:-{}[]&*!|>'\"#%@`,? \n\t\\$~.01<=\ufeff\x00é", max_size=80)
KEYS = st.sampled_from(
    ["project", "scan", "environments", "flows", "development", "schedules", "cron", "<<", "x", "overrides"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["${A}", "${A:-b}", "$$", "x", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=300, deadline=None)
@given(text=YAML_LIKE)
def test_no_text_at_all_makes_it_fail_otherwise_than_by_errors(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever stands in the file, there is a configuration or there are errors of ours."""
    folder = tmp_path_factory.mktemp("any")
    loaded = load(folder, text)
    assert (loaded.configuration is None) == bool(loaded.errors)
    for error in loaded.errors:
        assert error.context.file_path == "deployment-config.yaml"


@settings(max_examples=300, deadline=None)
@given(value=VALUES)
def test_no_shape_of_data_makes_it_fail_otherwise_than_by_errors(
    value: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Right keys with wrong values, nested at random."""
    loaded = load(tmp_path_factory.mktemp("any"), json.dumps({"flows": value, "environments": value}), A="1")
    assert (loaded.configuration is None) == bool(loaded.errors)
    assert all(error.context.line_number == 1 for error in loaded.errors)


def test_a_long_line_does_not_make_the_error_slow() -> None:
    """Half a megabyte on one line: what is shown is cut before it is searched for secrets."""
    reading = read_yaml(
        b"a: " + b"x" * (LARGEST_FILE // 2) + b": b", shown_as="x.yaml", dialect=Dialect.YAML_1_2
    )
    assert len(reading.errors) == 1
    assert len(reading.errors[0].context.extra["source_lines"][0][1]) <= 200


@pytest.mark.parametrize(
    ("lines", "number", "shown"),
    [
        (["a: 1"], 1, "a: 1"),
        (["  api_token: abc, b: 1"], 1, "  api_token: ********"),
        (['password: "x y"'], 1, "password: ********"),
        (["prefect_api_key: ${KEY}"], 1, "prefect_api_key: ${KEY}"),
        (["prefect_api_key: ${KEY:-abc}"], 1, "prefect_api_key: ********"),
        (["url: https://user:abc@host/x"], 1, "url: https://********@host/x"),
        (["secret: |", "  abc", "  def"], 3, "  ********"),
        (["secrets:", "  one:", "    two: abc"], 3, "    ********"),
        (["secret: |", "  abc", "other: def"], 3, "other: def"),
        (["tags: [a]", "  - b"], 2, "  - b"),
    ],
)
def test_lines_are_shown_without_what_may_be_secret(lines: list[str], number: int, shown: str) -> None:
    """By the name of their key, also of one above them, and by the form of a URL."""
    assert safe_line(lines, number) == shown
