"""`${VAR}` in deployment-config.yaml."""

from pathlib import Path

import pytest

from deployment_system.config import Configuration, LoadedConfiguration, load_configuration
from deployment_system.config.variables import UnresolvedText, VariableText, substitute


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("${A}", {"A": "x"}, "x"),
        ("<${A}-${B}>", {"A": "x", "B": "y"}, "<x-y>"),
        ("${A:-d}", {}, "d"),
        ("${A:-d}", {"A": ""}, "d"),
        ("${A:-}", {}, ""),
        ("${A}", {"A": ""}, ""),
        ("${A:-http://h:4200/api}", {}, "http://h:4200/api"),
        ("$$", {}, "$"),
        ("$${A}", {"A": "x"}, "${A}"),
        ("$$${A}", {"A": "x"}, "$x"),
        ("costs 5$", {}, "costs 5$"),
        ("$A", {"A": "x"}, "$A"),
        ("${A}", {"A": "${B}", "B": "never"}, "${B}"),
    ],
)
def test_references_are_replaced_once(text: str, environ: dict[str, str], expected: str) -> None:
    """The value, else the default; $$ is a dollar; what a value holds is not searched again."""
    assert substitute(text, environ).text == expected


def test_a_missing_variable_leaves_the_text_as_it_is() -> None:
    """And is named once, however often it is used."""
    made = substitute("${A} ${A} ${B}", {"B": "x"})
    assert (made.text, made.missing) == ("${A} ${A} ${B}", ("A",))
    assert isinstance(made.text, UnresolvedText)


def test_text_from_a_variable_is_named_by_the_variable() -> None:
    """Its content may be a secret."""
    made = substitute("https://${USER}:${TOKEN}@h", {"USER": "u", "TOKEN": "t"}).text
    assert isinstance(made, VariableText)
    assert made.described == "the value of the environment variables USER, TOKEN"


def load(folder: Path, text: str, **environ: str) -> LoadedConfiguration:
    """Loads a file of that text."""
    (folder / "deployment-config.yaml").write_text(text)
    return load_configuration(folder, environ=environ)


def configuration(loaded: LoadedConfiguration) -> Configuration:
    """The configuration, which there must be."""
    assert loaded.errors == ()
    assert loaded.configuration is not None
    return loaded.configuration


TYPED = """\
environments:
  development:
    protected: ${P:-false}
    resource_limits: {cpu: "${CPU:-0.5}"}
    image_pull_policy: ${POLICY:-Always}
    prefect_api_key: "${KEY:-}"
    default_parameters: {plain: "x", quoted: "${N:-5}", list: ["${N:-5}"]}
    job_variables:
      plain: ${N:-5}
      nothing: ${NOTHING:-}
flows:
  load: {concurrency_limit: "${LIMIT:-2}", schedules: [{interval: "${EVERY:-3600}", active: "${ON:-true}"}]}
"""


def test_settings_that_are_no_text_read_a_variable_as_a_scalar(tmp_path: Path) -> None:
    """true is a flag, 0.5 a number; where any type is allowed, quotes decide."""
    loaded = configuration(load(tmp_path, TYPED))
    environment = loaded.environments["development"]
    assert environment.protected is False
    assert environment.resource_limits.cpu == 0.5
    assert environment.image_pull_policy == "Always"
    assert environment.prefect_api_key is None
    assert environment.default_parameters == {"plain": "x", "quoted": "5", "list": ["5"]}
    assert environment.job_variables == {"plain": 5, "nothing": None}
    flow = loaded.flows["load"]
    assert flow.concurrency_limit is not None
    assert flow.concurrency_limit.limit == 2
    assert flow.schedules is not None
    assert (flow.schedules[0].interval, flow.schedules[0].active) == (3600.0, True)
    assert type(environment.default_parameters["quoted"]) is str


def test_the_variables_win_over_the_defaults(tmp_path: Path) -> None:
    """As in a shell."""
    loaded = configuration(load(tmp_path, TYPED, P="true", CPU="2", LIMIT="7", KEY="k"))
    environment = loaded.environments["development"]
    assert (environment.protected, environment.resource_limits.cpu, environment.prefect_api_key) == (
        True,
        2,
        "k",
    )


OTHERS = """\
environments:
  development: {}
  production:
    prefect_api_url: ${PRODUCTION_URL}
    protected: ${PRODUCTION_PROTECTED}
    default_tags: [a, "${RELEASE}"]
flows:
  load: {overrides: {production: {concurrency_limit: "${MANY}", version: "${RELEASE}"}}}
"""


def test_variables_of_other_environments_need_not_be_set(tmp_path: Path) -> None:
    """Who deploys to development has no secrets of production; its texts stay as they are written."""
    loaded = configuration(load(tmp_path, OTHERS))
    production = loaded.environments["production"]
    assert production.prefect_api_url == "${PRODUCTION_URL}"
    assert production.default_tags == ("a", "${RELEASE}")
    assert production.protected is False


def test_variables_of_the_active_environment_must_be_set(tmp_path: Path) -> None:
    """Each missing one is an error with its place, overrides of flows included."""
    (tmp_path / "deployment-config.yaml").write_text(OTHERS)
    loaded = load_configuration(tmp_path, environ={}, environment="production")
    missing = [
        (error.context.line_number, error.message.split("variable ")[1].split(",")[0])
        for error in loaded.errors
        if error.error_code == "CONFIG_VARIABLE_NOT_SET"
    ]
    assert missing == [
        (4, "PRODUCTION_URL"),
        (5, "PRODUCTION_PROTECTED"),
        (6, "RELEASE"),
        (8, "MANY"),
        (8, "RELEASE"),
    ]


def test_a_missing_variable_is_the_only_thing_said_of_its_setting(tmp_path: Path) -> None:
    """That its text is no flag either would be noise."""
    loaded = load(tmp_path, "environments: {development: {protected: '${P}'}}\n")
    assert [str(error.error_code) for error in loaded.errors] == ["CONFIG_VARIABLE_NOT_SET"]


def test_other_errors_of_other_environments_are_still_found(tmp_path: Path) -> None:
    """Only what hangs on variables is left open."""
    loaded = load(tmp_path, OTHERS.replace("default_tags", "bogus_tags"))
    assert [str(error.error_code) for error in loaded.errors] == ["CONFIG_UNKNOWN_KEY"]
