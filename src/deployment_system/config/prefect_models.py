"""One deployment of a prefect.yaml, checked. As Prefect does, flags and numbers are also taken from text."""

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from deployment_system.config.models import Limit
from deployment_system.config.scalars import Dialect, plain_scalar
from deployment_system.config.schedule import Schedule, SlugsDiffer
from deployment_system.config.value_types import AsList, FilledText, Settings, Text, Texts, Values, problem
from deployment_system.error_handling import ErrorCodes

SUPPORTED_LATER = ("triggers", "sla", "version_type")
"""Keys that Prefect acts on and this system does not yet."""


def _from_text(value: Any) -> Any:
    return plain_scalar(value.strip(), Dialect.YAML_1_1) if isinstance(value, str) else value


LooseFlag = Annotated[bool, BeforeValidator(_from_text)]


class PrefectSchedule(Schedule):
    """A schedule as prefect.yaml writes it."""

    day_or: LooseFlag = True
    active: LooseFlag = True

    @model_validator(mode="before")
    @classmethod
    def _as_ours(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        schedule = {key: item for key, item in value.items() if key != "anchor_date" or value.get("interval")}
        if schedule.pop("replaces", None) is not None:
            raise problem(
                "renames another schedule (replaces), which is not supported yet",
                code=ErrorCodes.PREFECT_YAML_UNSUPPORTED,
                remedy="Remove `replaces`: a schedule that is no longer declared is removed anyway.",
            )
        return _with_rule_read(schedule)


def _with_rule_read(schedule: dict[str, Any]) -> dict[str, Any]:
    """Prefect takes a rule also as JSON text, with its time zone inside."""
    rule = schedule.get("rrule")
    if not isinstance(rule, str) or not rule.lstrip().startswith("{"):
        return schedule
    try:
        inner = json.loads(rule)
    except json.JSONDecodeError as error:
        raise problem(f"has an rrule that begins like JSON and is none: {error}") from None
    return {**inner, **{key: item for key, item in schedule.items() if key != "rrule"}}


class PrefectWorkPool(Settings):
    """Where runs go."""

    name: FilledText | None = None
    work_queue_name: FilledText | None = None
    job_variables: Values = Field(default_factory=dict)


class PrefectKeys(Settings):
    """The keys of one deployment that are read here; build, push, pull, triggers and sla are looked at
    before."""

    name: FilledText
    entrypoint: FilledText
    flow_name: Text | None = None
    description: Text | None = None
    version: Text | None = None
    tags: Texts | None = None
    parameters: Values = Field(default_factory=dict)
    schedule: PrefectSchedule | None = None
    schedules: Annotated[tuple[PrefectSchedule, ...], AsList, SlugsDiffer] | None = None
    paused: LooseFlag | None = None
    concurrency_limit: Limit | None = None
    enforce_parameter_schema: LooseFlag | None = None
    work_pool: PrefectWorkPool = PrefectWorkPool()

    @model_validator(mode="before")
    @classmethod
    def _schedule_is_one_of_two(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        value = dict(value)
        if value.get("schedule") == {}:
            value["schedule"] = None
        if value.get("schedule") and value.get("schedules") is not None:
            raise problem("has schedule and schedules; write all of them under schedules")
        return value

    @property
    def all_schedules(self) -> tuple[Schedule, ...] | None:
        """Those of both spellings; None where nothing is said."""
        said = (self.schedule,) if self.schedule is not None else self.schedules
        return None if said is None else tuple(Schedule(**schedule.model_dump()) for schedule in said)
