"""Build and push steps of a prefect.yaml: read as Prefect reads them, and checked before any runs."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployment_system.config import (
    BuildStep,
    PrefectDeployment,
    PrefectProject,
    filled_deployment,
    filled_step,
    load_prefect_yaml,
    with_outputs,
)
from deployment_system.error_handling import ConfigurationError

SHELL = "prefect.deployments.steps.run_shell_script"
BUILD = "prefect_docker.deployments.steps.build_docker_image"
PUSH = "prefect_docker.deployments.steps.push_docker_image"
GIVEN: dict[str, Any] = {
    "image_name": "r/app",
    "tag": "1",
    "image": "r/app:1",
    "image_id": "sha256:1",
    "additional_tags": ["a", "b"],
}


def project(folder: Path, keys: str, top: str = "", **environ: str) -> PrefectProject:
    """Reads a file with one deployment of these keys, and more keys at its top."""
    lines = "".join(f"    {line}\n" for line in keys.splitlines())
    text = f"{top}deployments:\n  - name: a\n    entrypoint: flows.py:load\n{lines}"
    (folder / "prefect.yaml").write_text(text)
    found = load_prefect_yaml(folder, environ={"SET": "value", "SECRET": "hush-hush", **environ})
    assert found is not None
    return found


def only(folder: Path, keys: str, top: str = "", **environ: str) -> PrefectDeployment:
    """The deployment of such a file, which has no errors."""
    found = project(folder, keys, top, **environ)
    assert found.errors == ()
    return found.deployments[0]


def described(steps: tuple[BuildStep, ...]) -> list[tuple[str, str, dict[str, Any]]]:
    """The phase, the function and the inputs of each."""
    return [(step.phase, step.function, dict(step.inputs)) for step in steps]


def test_a_step_is_a_function_with_its_inputs(tmp_path: Path) -> None:
    """Its id and its packages stand beside the inputs and are none; variables are replaced."""
    found = only(
        tmp_path,
        f'build:\n  - {SHELL}: {{id: hash, script: "echo {{{{ $SET }}}}"}}\n'
        f"  - my.steps.make: {{requires: [a-b>=1, c], x: 1}}\n  - {{}}\n"
        f"push:\n  my.steps.push: {{requires: one}}",
    )
    assert described(found.build_steps) == [
        ("build", SHELL, {"script": "echo value"}),
        ("build", "my.steps.make", {"x": 1}),
    ]
    assert described(found.push_steps) == [("push", "my.steps.push", {})]
    assert [step.id for step in found.build_steps] == ["hash", None]
    assert [step.name for step in found.build_steps] == ["hash", "make"]
    assert found.build_steps[1].requires == ("a-b>=1", "c")
    assert found.push_steps[0].requires == ("one",)
    places = [step.place for step in (*found.build_steps, *found.push_steps)]
    assert [(place.file_path, place.line_number, place.column) for place in places] == [
        ("prefect.yaml", 5, 9),
        ("prefect.yaml", 6, 9),
        ("prefect.yaml", 9, 7),
    ]


@pytest.mark.parametrize(
    ("own", "build", "push"),
    [
        ("", ["top.build"], ["top.push"]),
        ("build: null\npush: null", [], ["top.push"]),
        ("build: []\npush: []", [], ["top.push"]),
        ("build: {}\npush: {}", [], ["top.push"]),
        ("build: [{own.build: {}}]\npush: [{own.push: {}}]", ["own.build"], ["own.push"]),
    ],
)
def test_steps_at_the_top_hold_where_a_deployment_has_none(
    own: str, build: list[str], push: list[str], tmp_path: Path
) -> None:
    """`build: null` turns them off, `push: null` does not: as in Prefect."""
    found = only(tmp_path, own, "build: [{top.build: {}}]\npush: [{top.push: {}}]\n")
    assert [step.function for step in found.build_steps] == build
    assert [step.function for step in found.push_steps] == push


class Bad(NamedTuple):
    """Keys of a deployment that are wrong, and what must be said of them."""

    keys: str
    code: str
    line: int
    says: str


INVALID, UNKNOWN = "BUILD_STEP_INVALID", "BUILD_STEP_OUTPUT_UNKNOWN"
IMAGE = f"build:\n  - {BUILD}: {{id: build-image, image_name: r/app, tag: '1'}}\n"
SHAPES = {
    "text": Bad("build: echo", "CONFIG_INVALID_FORMAT", 4, "build must be a list of steps"),
    "a step as text": Bad("build: [echo]", INVALID, 4, "must be a mapping from a function to its inputs"),
    "a step that is null": Bad("build: [null]", INVALID, 4, "must be a mapping"),
    "inputs beside the function": Bad(
        f"build:\n  - {BUILD}:\n    image_name: x\n    tag: y", INVALID, 6, "Indent image_name, tag further"
    ),
    "two functions in one": Bad("build: [{a.b: {}, c.d: {}}]", INVALID, 4, "c.d stands beside a.b"),
    "no inputs": Bad("push: [{a.b: null}]", INVALID, 4, "`a.b: {}`"),
    "inputs as text": Bad(f"build: [{{{SHELL}: echo}}]", INVALID, 4, "a mapping (key: value) below it"),
    "a function alone": Bad("build: [{run_shell_script: {script: x}}]", INVALID, 4, "write its module too"),
    "a misspelt function": Bad(
        "build: [{prefect.deployments.steps.run_shel_script: {script: x}}]",
        INVALID,
        4,
        f"did you mean {SHELL}?",
    ),
    "an id that is no text": Bad("build: [{a.b: {id: 5}}]", INVALID, 4, "id must be text, not 5"),
    "packages of another kind": Bad("build: [{a.b: {requires: {x: 1}}}]", INVALID, 4, "list of names"),
    "a misspelt input": Bad(
        f"build: [{{{SHELL}: {{script: x, direcotry: y}}}}]", "CONFIG_UNKNOWN_KEY", 4, "'directory'"
    ),
    "a missing input": Bad(f"build: [{{{SHELL}: {{}}}}]", "CONFIG_MISSING_REQUIRED_FIELD", 4, "script"),
    "a variable that is not set": Bad(
        f'build: [{{{SHELL}: {{script: "{{{{ $NOWHERE }}}}"}}}}]', "CONFIG_VARIABLE_NOT_SET", 4, "NOWHERE"
    ),
}
REFERENCES = {
    "a misspelt id": Bad(
        IMAGE + 'work_pool: {job_variables: {image: "{{ biuld-image.image }}"}}',
        UNKNOWN,
        6,
        "{{ biuld-image.image }} is no output of a step that runs before: "
        "did you mean {{ build-image.image }}?",
    ),
    "a misspelt output": Bad(
        IMAGE + 'work_pool: {job_variables: {image: "{{ build-image.imgae }}"}}',
        UNKNOWN,
        6,
        "did you mean {{ build-image.image }}?",
    ),
    "a misspelt output in text": Bad(
        IMAGE + 'description: "of {{ imgae }}"',
        UNKNOWN,
        6,
        "nor is it an environment variable that is set: did you mean {{ image }}?",
    ),
    "an output that the function does not give": Bad(
        f"build: [{{{SHELL}: {{id: sh, script: x}}}}]\n" + 'version: "{{ sh.tag }}"',
        UNKNOWN,
        5,
        "the step 'sh' (run_shell_script) gives stderr, stdout",
    ),
    "a part of a text": Bad(IMAGE + 'version: "{{ build-image.tag.x }}"', UNKNOWN, 6, "has no parts"),
    "the push step's, in the build step": Bad(
        f'build: [{{{SHELL}: {{script: "{{{{ up.tag }}}}"}}}}]\n'
        f"push: [{{{PUSH}: {{id: up, image_name: r/app}}}}]",
        UNKNOWN,
        4,
        "an output of the step 'up', which has not run by then",
    ),
    "its own": Bad(
        f'build: [{{{SHELL}: {{id: me, script: "{{{{ me.stdout }}}}"}}}}]', UNKNOWN, 4, "not run by then"
    ),
    "a bare variable in a step": Bad(
        f'build: [{{{SHELL}: {{script: "{{{{ SET }}}}"}}}}]', UNKNOWN, 4, "Write {{ $SET }}"
    ),
    "without any step": Bad('version: "{{ image }}"', UNKNOWN, 4, "No step runs before"),
    "in tags": Bad(IMAGE + 'tags: ["{{ build-image.tags }}"]', UNKNOWN, 6, "{{ build-image.tag }}"),
    "in parameters": Bad(IMAGE + 'parameters: {a: {b: ["{{ x.y }}"]}}', UNKNOWN, 6, "parameters.a.b[0]"),
    "in a schedule": Bad(
        IMAGE + 'schedules: [{interval: 60, parameters: {n: "{{ x.y }}"}}]', UNKNOWN, 6, "parameters.n"
    ),
    "in a pull step": Bad(
        IMAGE + f'pull: [{{{SHELL}: {{script: "{{{{ buildimage.tag }}}}"}}}}]',
        UNKNOWN,
        6,
        "did you mean {{ build-image.tag }}?",
    ),
    "of a later pull step": Bad(
        f'pull:\n  - {SHELL}: {{script: "{{{{ late.stdout }}}}"}}\n  - {SHELL}: {{id: late, script: x}}',
        UNKNOWN,
        5,
        "which has not run by then",
    ),
    "a run's context in a pull step": Bad(
        f'pull: [{{{SHELL}: {{script: "{{{{ ctx.flow_run.id }}}}"}}}}]',
        "PREFECT_YAML_UNSUPPORTED",
        4,
        "job variables alone",
    ),
    "in a name": Bad(
        IMAGE + 'flow_name: "{{ image }}"', "PREFECT_YAML_UNSUPPORTED", 6, "known before the steps run"
    ),
    "in a pool's name": Bad(
        IMAGE + 'work_pool: {name: "{{ build-image.tag }}"}', "PREFECT_YAML_UNSUPPORTED", 6, "before"
    ),
    "in a schedule's time": Bad(
        IMAGE + 'schedules: [{cron: "{{ build-image.tag }}"}]', "PREFECT_YAML_UNSUPPORTED", 6, "before"
    ),
}


@pytest.mark.parametrize("bad", [*SHAPES.values(), *REFERENCES.values()], ids=[*SHAPES, *REFERENCES])
def test_what_is_wrong_is_refused_at_its_place(bad: Bad, tmp_path: Path) -> None:
    """One error, before any step has run, with the line, the deployment and what would be right."""
    found = project(tmp_path, bad.keys)
    assert found.deployments == ()
    [error] = found.errors
    assert (str(error.error_code), error.context.line_number) == (bad.code, bad.line)
    assert (error.context.file_path, error.context.deployment_name) == ("prefect.yaml", "a")
    assert bad.says in " ".join([error.message, *error.remediation])


def test_an_error_at_the_top_is_one_of_every_deployment_that_uses_it(tmp_path: Path) -> None:
    """And of no other: a reference can be right for one deployment and wrong for the next."""
    text = (
        f"build: [{{{SHELL}: {{id: sh, script: x}}}}]\n"
        'pull: [{x.y: {a: "{{ sh.stdout }}"}}]\n'
        "deployments:\n  - {name: a, entrypoint: f.py:a}\n  - {name: b, entrypoint: f.py:b, build: null}\n"
    )
    (tmp_path / "prefect.yaml").write_text(text)
    found = load_prefect_yaml(tmp_path, environ={})
    assert found is not None
    assert [deployment.name for deployment in found.deployments] == ["a"]
    assert [(error.context.deployment_name, error.context.line_number) for error in found.errors] == [
        ("b", 2)
    ]


def test_outputs_of_functions_that_nobody_knows_are_checked_when_they_have_run(tmp_path: Path) -> None:
    """With and without the step's id; until then they may be there."""
    found = only(
        tmp_path,
        'build: [{my.make: {id: made}}]\nversion: "{{ made.number }}"\ndescription: "{{ text }}"',
    )
    made = with_outputs({}, found.build_steps[0], {"number": "7", "text": "t"})
    filled = filled_deployment(found, made)
    assert (filled.version, filled.description, filled.references) == ("7", "t", ())
    for outputs, named in (({"text": "t"}, "made.number"), ({"number": "7"}, "text")):
        with pytest.raises(ConfigurationError) as caught:
            filled_deployment(found, with_outputs({}, found.build_steps[0], outputs))
        assert str(caught.value.error_code) == UNKNOWN
        assert f"{{{{ {named} }}}}" in caught.value.message
        assert caught.value.context.line_number == (5 if named == "made.number" else 6)


EVERYWHERE = f"""\
build:
  - {SHELL}: {{id: hash, script: git rev-parse HEAD}}
  - {BUILD}: {{id: built, image_name: r/app, tag: "v-{{{{ hash.stdout }}}}"}}
push:
  - {PUSH}: {{image_name: "{{{{ built.image_name }}}}", tag: "{{{{ tag }}}}",
      additional_tags: "{{{{ built.additional_tags }}}}"}}
pull:
  - {{}}
  - {SHELL}: {{id: there, script: "use {{{{ built.image }}}} {{{{ $HOME_OF_WORKER }}}}"}}
  - {SHELL}: {{script: "echo {{{{ there.stdout }}}}"}}
version: "{{{{ built.tag }}}}"
description: "image {{{{ image }}}}, tags {{{{ built.additional_tags }}}}, {{{{ $SET }}}}"
tags: ["{{{{ built.tag }}}}", "x", "first-{{{{ built.additional_tags[0] }}}}"]
parameters:
  {{whole: "{{{{ built }}}}", list: ["{{{{ built.additional_tags }}}}"], text: "{{{{ hash.stdout }}}}!"}}
schedules: [{{interval: 60, parameters: {{n: "{{{{ built.image_id }}}}"}}}}]
work_pool:
  work_queue_name: "q-{{{{ built.tag }}}}"
  job_variables: {{image: "{{{{ built.image }}}}", env: {{RUN: "{{{{ ctx.flow_run.id }}}}"}}}}
"""


def test_outputs_are_filled_in_wherever_prefect_fills_them(tmp_path: Path) -> None:
    """A text that is one reference takes the value as it is; what belongs to the worker stays."""
    found = only(tmp_path, EVERYWHERE)
    [first, second], [third] = found.build_steps, found.push_steps
    outputs = with_outputs({}, first, {"stdout": "abc", "stderr": ""})
    assert filled_step(second, outputs).inputs == {"image_name": "r/app", "tag": "v-abc"}
    outputs = with_outputs(outputs, second, GIVEN)
    assert filled_step(third, outputs).inputs == {
        "image_name": "r/app",
        "tag": "1",
        "additional_tags": ["a", "b"],
    }
    filled = filled_deployment(found, outputs)
    assert (filled.version, filled.work_queue_name) == ("1", "q-1")
    assert filled.description == "image r/app:1, tags ['a', 'b'], value"
    assert filled.tags == ("1", "x", "first-a")
    assert filled.parameters == {"whole": GIVEN, "list": [["a", "b"]], "text": "abc!"}
    assert filled.schedules is not None
    assert filled.schedules[0].parameters == {"n": "sha256:1"}
    assert filled.job_variables == {"image": "r/app:1", "env": {"RUN": "{{ ctx.flow_run.id }}"}}
    assert filled.pull_steps == (
        {SHELL: {"id": "there", "script": "use r/app:1 {{ $HOME_OF_WORKER }}"}},
        {SHELL: {"script": "echo {{ there.stdout }}"}},
    )


def test_one_output_may_give_all_tags(tmp_path: Path) -> None:
    """As in Prefect; anything but a list of texts is an error at the reference."""
    found = only(tmp_path, IMAGE + 'tags: "{{ build-image.additional_tags }}"')
    [step] = found.build_steps
    assert filled_deployment(found, with_outputs({}, step, GIVEN)).tags == ("a", "b")
    for wrong in ("text", [1], None):
        with pytest.raises(ConfigurationError, match="tags must be a list of texts") as caught:
            filled_deployment(found, with_outputs({}, step, {**GIVEN, "additional_tags": wrong}))
        assert caught.value.context.line_number == 6


@pytest.mark.parametrize(
    ("key", "given"), [("version", 5), ("description", None), ("tags", ["a"]), ("version", {})]
)
def test_a_setting_that_is_text_takes_no_other_output(key: str, given: Any, tmp_path: Path) -> None:
    """Also null, which would silently be no version at all."""
    reference = '["{{ made.it }}"]' if key == "tags" else '"{{ made.it }}"'
    found = only(tmp_path, f"build: [{{my.make: {{id: made}}}}]\n{key}: {reference}")
    with pytest.raises(ConfigurationError, match=r"must be text; the output made\.it is") as caught:
        filled_deployment(found, with_outputs({}, found.build_steps[0], {"it": given}))
    assert str(caught.value.error_code) == "CONFIG_INVALID_VALUE"


def test_an_empty_output_is_an_output(tmp_path: Path) -> None:
    """What the step gave is what was asked for; only what it did not give is missing."""
    found = only(
        tmp_path, f'build: [{{{SHELL}: {{id: sh, script: x}}}}]\nparameters: {{n: "{{{{ sh.stdout }}}}"}}'
    )
    assert filled_deployment(found, with_outputs({}, found.build_steps[0], {"stdout": ""})).parameters == {
        "n": ""
    }


def test_a_variable_wins_over_an_output_of_its_name_outside_of_steps(tmp_path: Path) -> None:
    """As in Prefect, which looks at the environment before the steps run."""
    keys = IMAGE + 'version: "{{ tag }}"'
    assert only(tmp_path, keys, tag="from-the-shell").version == "from-the-shell"
    assert [reference.name for reference in only(tmp_path, keys).references] == ["tag"]


def test_what_a_variable_holds_is_no_template(tmp_path: Path) -> None:
    """Nor is it shown when an input of the step is wrong."""
    keys = f'build: [{{{BUILD}: {{id: b, image_name: "{{{{ $SECRET }}}}/UPPER", tag: x}}}}]'
    [error] = project(tmp_path, keys).errors
    assert "hush" not in json.dumps(error.to_dict())
    found = only(tmp_path, IMAGE + 'description: "{{ $TEXT }} {{ tag }}"', TEXT="{{ image }}")
    filled = filled_deployment(found, with_outputs({}, found.build_steps[0], GIVEN))
    assert filled.description == "{{ image }} 1"


def test_the_last_step_that_gives_an_output_gives_it(tmp_path: Path) -> None:
    """An id can be used again, and an output can take the name of an id: as in Prefect."""
    found = only(
        tmp_path,
        f"build:\n  - {SHELL}: {{id: x, script: a}}\n  - {BUILD}: {{id: x, image_name: r/app}}\n"
        'version: "{{ x.tag }}"',
    )
    outputs = with_outputs({}, found.build_steps[0], {"stdout": "s", "stderr": ""})
    outputs = with_outputs(outputs, found.build_steps[1], GIVEN)
    assert filled_deployment(found, outputs).version == "1"
    keys = f"build: [{{{BUILD}: {{id: image, image_name: r/app}}}}]\n" + 'version: "{{ image.tag }}"'
    [error] = project(tmp_path, keys).errors
    assert "has no parts: did you mean {{ image }}?" in error.message


def test_a_malformed_step_is_the_only_error(tmp_path: Path) -> None:
    """Nobody knows what it would have given, so what refers to it is not blamed as well."""
    keys = f"build: [{{{BUILD}: {{id: b}}, image_name: r/app}}]\n" + 'version: "{{ b.tag }}"'
    [error] = project(tmp_path, keys).errors
    assert str(error.error_code) == INVALID


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["{{ $X }}", "{{ x }}", "{{ x.tag }}", "{{ x.a[0] }}", "{{ .. }}", "{{ [ }}", "x", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "x", "$ref"]), inner, max_size=3)
    ),
    max_leaves=8,
)
INPUTS = st.sampled_from(
    ["id", "requires", "script", "image_name", "tag", "additional_tags", "credentials", "x"]
)
STEP = st.dictionaries(
    st.sampled_from([SHELL, BUILD, PUSH, "my.make"]),
    st.dictionaries(INPUTS, ANYTHING, max_size=4),
    max_size=2,
)
SECTION = st.lists(STEP | ANYTHING, max_size=3) | STEP | ANYTHING


@settings(max_examples=300, deadline=None)
@given(build=SECTION, push=SECTION, pull=SECTION, version=ANYTHING)
def test_no_shape_of_steps_makes_it_fail_otherwise_than_by_errors(
    build: Any, push: Any, pull: Any, version: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And what is read without an error refers to nothing that nobody gives."""
    folder = tmp_path_factory.mktemp("any")
    declared = {"name": "a", "entrypoint": "f.py:f", "build": build, "pull": pull, "version": version}
    (folder / "prefect.yaml").write_text(json.dumps({"push": push, "deployments": [declared]}))
    found = load_prefect_yaml(folder, environ={})
    assert found is not None
    assert found.errors or len(found.deployments) == 1
