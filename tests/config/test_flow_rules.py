"""Rules by flow name: the most specific wins, key by key, then the overrides of the environment."""

from pathlib import Path

import pytest

from deployment_system.config import Configuration, FlowSettings, flow_settings, load_configuration


def settings_of(folder: Path, text: str, flow: str, environment: str = "development") -> FlowSettings:
    """What a file says of a flow."""
    return flow_settings(configured(folder, text), flow, environment)


def configured(folder: Path, text: str) -> Configuration:
    """The configuration of that text."""
    (folder / "deployment-config.yaml").write_text(text)
    loaded = load_configuration(folder, environ={})
    assert loaded.errors == ()
    assert loaded.configuration is not None
    return loaded.configuration


def test_a_flow_without_a_rule_has_no_settings(tmp_path: Path) -> None:
    """None means that nothing is said, which is not the same as an empty list."""
    found = settings_of(tmp_path, "flows: {other: {tags: [x]}}\n", "load")
    assert found == FlowSettings()
    assert found.schedules is None
    assert found.deployment_name == "{flow}-{type}-{environment}"


RULES = """\
flows:
  nightly-load: {tags: [exact]}
  "nightly-*": {tags: [prefix], version: "1"}
  "*": {tags: [all], version: "0", description: everything, schedules: []}
  "*-load": {tags: [suffix], work_pool: loads}
  "nightly-[a-l]*": {work_pool: early, dockerfile: A}
"""


def test_the_most_specific_rule_wins_key_by_key(tmp_path: Path) -> None:
    """The name itself, then the longest beginning without wildcard, then the most characters."""
    found = settings_of(tmp_path, RULES, "nightly-load")
    assert found.rules == ("*", "*-load", "nightly-*", "nightly-[a-l]*", "nightly-load")
    assert (found.tags, found.version, found.work_pool, found.dockerfile) == (("exact",), "1", "early", "A")
    assert (found.description, found.schedules) == ("everything", ())


@pytest.mark.parametrize(("flow", "tag"), [("nightly-x", "prefix"), ("day-load", "suffix"), ("x", "all")])
def test_other_flows_get_what_fits_them(flow: str, tag: str, tmp_path: Path) -> None:
    """Each by its own most specific rule."""
    assert settings_of(tmp_path, RULES, flow).tags == (tag,)


def test_of_two_equally_specific_rules_the_later_wins(tmp_path: Path) -> None:
    """As in the file, so in the order of reading."""
    text = 'flows:\n  "a?c": {version: "1"}\n  "a*c": {version: "2"}\n'
    assert settings_of(tmp_path, text, "abc").version == "2"


def test_a_longer_beginning_beats_more_characters_behind_the_wildcard(tmp_path: Path) -> None:
    """Names are read from the left."""
    text = 'flows:\n  "ni*": {version: "1"}\n  "n*-load-all": {version: "2"}\n'
    assert settings_of(tmp_path, text, "nightly-load-all").version == "1"


def test_case_matters(tmp_path: Path) -> None:
    """Prefect's flow names do differ by case."""
    assert settings_of(tmp_path, "flows: {Load: {version: '1'}}\n", "load").version is None


OVERRIDES = """\
flows:
  "*":
    parameters: {a: 1, b: {x: 1}}
    job_variables: {env: {LEVEL: INFO, ZONE: x}, image: base}
    overrides:
      production: {tags: [live], concurrency_limit: 3}
  load:
    parameters: {b: {y: 2}, c: 3}
    tags: [load]
    job_variables: {env: {LEVEL: DEBUG}}
    overrides:
      production: {parameters: {c: 30}, concurrency_limit: {limit: 1, collision_strategy: CANCEL_NEW}}
"""


def test_overrides_of_the_environment_come_last(tmp_path: Path) -> None:
    """Also those of a less specific rule win over the keys of a more specific one."""
    found = settings_of(tmp_path, OVERRIDES, "load", "production")
    assert found.tags == ("live",)
    assert found.concurrency_limit is not None
    assert (found.concurrency_limit.limit, found.concurrency_limit.collision_strategy) == (1, "CANCEL_NEW")
    assert settings_of(tmp_path, OVERRIDES, "load", "staging").tags == ("load",)


def test_parameters_are_merged_by_name_and_job_variables_at_every_depth(tmp_path: Path) -> None:
    """A parameter's value is one thing; an environment variable for the job does not wipe the others."""
    found = settings_of(tmp_path, OVERRIDES, "load", "production")
    assert found.parameters == {"a": 1, "b": {"y": 2}, "c": 30}
    assert found.job_variables == {"env": {"LEVEL": "DEBUG", "ZONE": "x"}, "image": "base"}


def test_each_setting_knows_the_line_that_it_comes_from(tmp_path: Path) -> None:
    """Later checks point at the rule that won."""
    places = settings_of(tmp_path, OVERRIDES, "load", "production").places
    lines = {name: places[name].line_number for name in places}
    assert lines["parameters.a"] == 3
    assert lines["parameters.c"] == 12
    assert lines["tags"] == 6
    assert (places["tags.0"].line_number, places["tags.0"].column) == (6, 27)
    assert places["job_variables.env.ZONE"].line_number == 4
    assert places["concurrency_limit.limit"].column == 68
    assert places.get("schedules") is None
    assert places.get("parameters.nobody") is None
    key = places.key("parameters.c")
    assert key is not None
    assert (key.line_number, key.column) == (12, 33)


def test_schedules_are_found_by_their_position(tmp_path: Path) -> None:
    """`schedules.1.cron` is the second schedule's cron."""
    text = 'flows:\n  load:\n    schedules:\n      - interval: 5\n      - cron: "* * * * *"\n'
    place = settings_of(tmp_path, text, "load").places["schedules.1.cron"]
    assert (place.line_number, place.column, place.file_path) == (5, 15, "deployment-config.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "{flow}-{type}-{environment}"),
        ('deployment_name: "{environment}-{flow}"\n', "{environment}-{flow}"),
        ('deployment_name: "{flow}"\nflows: {load: {deployment_name: "{FLOW}_{Type}"}}\n', "{flow}_{type}"),
    ],
)
def test_the_name_is_a_template_of_three_parts(text: str, expected: str, tmp_path: Path) -> None:
    """The flow's own, else the file's, else the usual one; capitals do not matter."""
    assert settings_of(tmp_path, text, "load").deployment_name == expected
