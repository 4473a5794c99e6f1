"""The triggers of a task, which a deployment hands over beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flyteidl2.core import literals_pb2
from flyteidl2.task import common_pb2, run_pb2, task_definition_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from tasksmithy import TaskSpec
from tasksmithy_flyte.errors import LiteralError, RenderError
from tasksmithy_flyte.literals import literal
from tasksmithy_flyte.policies import key_values
from tasksmithy_flyte.renderer import default_inputs

KICKOFF_INPUT: Final = "_u_kickoff_time_input_arg"
"""The key of the inputs' context that names the input for the moment of the run."""


def triggers_of(spec: TaskSpec) -> list[task_definition_pb2.TaskTrigger]:
    """The messages of the triggers of a task.

    Raises:
        RenderError: a trigger says something that Flyte's messages cannot.
    """
    return [_trigger(spec, trigger) for trigger in spec.definition.get("triggers", ())]


def _trigger(spec: TaskSpec, trigger: Mapping[str, Any]) -> task_definition_pb2.TaskTrigger:
    where = f"triggers[{trigger['name']!r}].inputs"
    moments = trigger.get("trigger_time_inputs", [])
    if len(moments) > 1:
        raise RenderError(
            spec.name, where, f"Flyte gives one input the moment of the run, not {len(moments)}"
        )
    kickoff = moments[0] if moments else None
    return task_definition_pb2.TaskTrigger(
        name=trigger["name"],
        spec=task_definition_pb2.TaskTriggerSpec(
            active=trigger["auto_activate"],
            description=trigger.get("description"),
            run_spec=_run_spec(trigger),
            inputs=_inputs(spec, trigger, kickoff, where),
        ),
        automation_spec=common_pb2.TriggerAutomationSpec(
            type=common_pb2.TYPE_SCHEDULE, schedule=_schedule(trigger["automation"], kickoff)
        ),
    )


def _schedule(automation: Mapping[str, Any], kickoff: str | None) -> common_pb2.Schedule:
    schedule = common_pb2.Schedule(kickoff_time_input_arg=kickoff)
    if "cron" in automation:
        schedule.cron.expression = automation["cron"]
        schedule.cron.timezone = automation["timezone"]
        return schedule
    schedule.rate.value = automation["interval_minutes"]
    schedule.rate.unit = common_pb2.FIXED_RATE_UNIT_MINUTE
    if (start := automation.get("start_time")) is not None:
        moment = Timestamp()
        moment.FromJsonString(start)
        schedule.rate.start_time.CopyFrom(moment)
    return schedule


def _run_spec(trigger: Mapping[str, Any]) -> run_pb2.RunSpec:
    run = run_pb2.RunSpec(overwrite_cache=trigger["overwrite_cache"], queue=trigger.get("queue"))
    if (interruptible := trigger.get("interruptible")) is not None:
        run.interruptible.value = interruptible
    if variables := trigger.get("env_vars"):
        run.envs.values.extend(key_values(variables))
    if labels := trigger.get("labels"):
        run.labels.values.update(labels)
    if annotations := trigger.get("annotations"):
        run.annotations.values.update(annotations)
    return run


def _inputs(
    spec: TaskSpec, trigger: Mapping[str, Any], kickoff: str | None, where: str
) -> common_pb2.Inputs:
    """The inputs of the runs: those of the trigger, and the task's defaults of the others."""
    kinds = {each["name"]: each["type"] for each in spec.interface["inputs"]}
    inputs = common_pb2.Inputs()
    given = trigger.get("inputs", {})
    for name, value in given.items():
        try:
            inputs.literals.add(name=name, value=literal(kinds[name], value))
        except LiteralError as error:
            raise RenderError(spec.name, f"{where}[{name!r}]", str(error)) from None
    for default in default_inputs(spec):
        if default.name not in given and default.name != kickoff:
            inputs.literals.add(name=default.name, value=default.parameter.default)
    if kickoff is not None:
        pair = literals_pb2.KeyValuePair(key=KICKOFF_INPUT, value=kickoff)
        inputs.context.append(pair)
    return inputs
