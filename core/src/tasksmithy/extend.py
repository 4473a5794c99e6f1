"""What the author of a task type, a policy or an executor works with, beside `tasksmithy` itself.

The names of Flyte 2's `flyte.extend` are here, and the tools by which the plugins of this
repository read annotations and values, check fields and word their messages. `tasksmithy.checks`
has the checks of single fields.
"""

from typing import Any

from tasksmithy._lazy_names import lazy_names
from tasksmithy._registry_in_use import registry_in_use

TYPE_CHECKING = False
if TYPE_CHECKING:  # what type checkers see; `_HOMES` is the same for the interpreter
    from tasksmithy._texts import cut as cut
    from tasksmithy._texts import near_misses as near_misses
    from tasksmithy._texts import shorten as shorten
    from tasksmithy.concurrency._process_tree import descendants as descendants
    from tasksmithy.fields._pod import (
        PRIMARY_CONTAINER_DEFAULT_NAME as PRIMARY_CONTAINER_DEFAULT_NAME,
    )
    from tasksmithy.fields._pod import pod_spec_from_resources as pod_spec_from_resources
    from tasksmithy.fields._quantity import Quantity as Quantity
    from tasksmithy.plugins._config_registry import TaskPluginRegistry as TaskPluginRegistry
    from tasksmithy.runtime._run import is_initialized as is_initialized
    from tasksmithy.runtime.executors._conversation import Conversation as Conversation
    from tasksmithy.runtime.executors._far_attempt import FarAttempt as FarAttempt
    from tasksmithy.runtime.executors._far_attempt import Shipment as Shipment
    from tasksmithy.runtime.executors._frames import Frame as Frame
    from tasksmithy.runtime.executors._frames import Message as Message
    from tasksmithy.runtime.secrets._exits import masked as masked
    from tasksmithy.runtime.stores._private import state_folder as state_folder
    from tasksmithy.task._code_identity import code_identity as code_identity
    from tasksmithy.task._declaration import UNSET as UNSET
    from tasksmithy.task._declaration import Unset as Unset
    from tasksmithy.task._from_spec import from_spec as from_spec
    from tasksmithy.task._source import find_task as find_task
    from tasksmithy.task._source import load_module as load_module
    from tasksmithy.task._template import TaskTemplate as TaskTemplate
    from tasksmithy.values._annotations import alternatives as alternatives
    from tasksmithy.values._annotations import importable_module as importable_module
    from tasksmithy.values._annotations import module_of as module_of
    from tasksmithy.values._annotations import type_name as type_name
    from tasksmithy.values._conversion import from_json as from_json
    from tasksmithy.values._conversion import from_text as from_text
    from tasksmithy.values._conversion import to_jsonable as to_jsonable
    from tasksmithy.values._identity import digest as digest
    from tasksmithy_function import AsyncFunctionTaskTemplate as AsyncFunctionTaskTemplate

_HOMES = {
    "cut": "_texts",
    "near_misses": "_texts",
    "shorten": "_texts",
    "descendants": "concurrency._process_tree",
    "PRIMARY_CONTAINER_DEFAULT_NAME": "fields._pod",
    "pod_spec_from_resources": "fields._pod",
    "Quantity": "fields._quantity",
    "TaskPluginRegistry": "plugins._config_registry",
    "is_initialized": "runtime._run",
    "Conversation": "runtime.executors._conversation",
    "FarAttempt": "runtime.executors._far_attempt",
    "Shipment": "runtime.executors._far_attempt",
    "Frame": "runtime.executors._frames",
    "Message": "runtime.executors._frames",
    "masked": "runtime.secrets._exits",
    "state_folder": "runtime.stores._private",
    "code_identity": "task._code_identity",
    "UNSET": "task._declaration",
    "Unset": "task._declaration",
    "from_spec": "task._from_spec",
    "find_task": "task._source",
    "load_module": "task._source",
    "TaskTemplate": "task._template",
    "alternatives": "values._annotations",
    "importable_module": "values._annotations",
    "module_of": "values._annotations",
    "type_name": "values._annotations",
    "digest": "values._identity",
    "from_json": "values._conversion",
    "from_text": "values._conversion",
    "to_jsonable": "values._conversion",
}

__all__ = [*_HOMES, "AsyncFunctionTaskTemplate"]

_lazy, __dir__ = lazy_names(__name__, _HOMES)


def __getattr__(name: str) -> Any:
    # The function plugin's own, so that the core imports no plugin.
    if name == "AsyncFunctionTaskTemplate":
        return registry_in_use.get().template("python")
    return _lazy(name)
