"""Names of Flyte 2.12.1 that are not here, or elsewhere, and what to use.

Who moves a plugin from Flyte replaces `flyte` by `tasksmithy` in its imports, and is told here what
else to change.
"""

_BATCHES = "tasksmithy.map(..., concurrency=...) over batches of your own"
_BUILD = "a build of your own of Image.to_dict()"
_CONNECTOR = "the hooks submit, poll and cancel of a TaskType"
_DEVICE = "Device(quantity, name, device_class=...)"
_FRAME = "the class of the data frame itself, as pandas.DataFrame"
_INIT = "tasksmithy.init()"
_INPUTS = "an input of the task"
_REMOTE = "tasksmithy.run(task), on this machine; `tasksmithy render` makes what a cluster takes"
_REPORT = "tasksmithy.report.tab(name).html(...)"
_SCHEDULE = "a Trigger with a Cron or a FixedRate"
_SERVER = "a server of your own, which calls tasksmithy.arun(task)"
_SMALLER = "smaller tasks: a resumed run keeps the results of those that have ended"
_WAITS = "a task that waits for it"

INSTEAD = {
    "": {
        "AMD_GPU": _DEVICE,
        "APPLE_SILICON": _DEVICE,
        "HABANA_GAUDI": _DEVICE,
        "Neuron": _DEVICE,
        "AppHandle": _SERVER,
        "AsyncFunctionTaskTemplate": "tasksmithy.extend.AsyncFunctionTaskTemplate",
        "BaseCheckpoint": _SMALLER,
        "Checkpoint": _SMALLER,
        "latest_checkpoint": _SMALLER,
        "CachePolicy": "the hook cache_version",
        "ConditionWebhook": _WAITS,
        "new_condition": _WAITS,
        "DeviceClass": "the text Device.device_class",
        "Environment": "TaskEnvironment",
        "ImageBuild": _BUILD,
        "build": _BUILD,
        "build_images": _BUILD,
        "OnArtifact": _SCHEDULE,
        "TriggeredArtifact": _SCHEDULE,
        "TriggeredPartition": _SCHEDULE,
        "ctx": "tasksmithy.current(), which is falsy outside a run",
        "load_interactive_ctx": "tasksmithy.current(), which is falsy outside a run",
        "current_domain": "SerializationContext.domain, in the hooks",
        "current_project": "SerializationContext.project, in the hooks",
        "custom_context": _INPUTS,
        "get_custom_context": _INPUTS,
        "deploy": _REMOTE,
        "init_from_api_key": _INIT,
        "init_from_config": _INIT,
        "init_in_cluster": _INIT,
        "init_passthrough": _INIT,
        "is_control_plane_available": "tasksmithy.run(task): there is no server",
        "load_plugin_config": "the settings in pyproject.toml, [tool.tasksmithy]",
        "logger": "tasksmithy.current().logger in a task, logging.getLogger(name) elsewhere",
        "system_logger": "logging.getLogger('tasksmithy')",
        "rerun": "the command `tasksmithy run --resume ID`",
        "run_python_script": "the command `tasksmithy run FILE`",
        "serve": _SERVER,
        "with_servecontext": _SERVER,
        "trace": "a task for what is to be kept and shown, a function for the rest",
        "version": "tasksmithy.__version__",
    },
    "connectors": {
        "AsyncConnector": _CONNECTOR,
        "AsyncConnectorExecutorMixin": _CONNECTOR,
        "ConnectorRegistry": "a TaskType and its entry point",
        "ConnectorService": "the TaskType itself, in the process of the run",
        "Resource": "JobStatus, which the hook poll gives",
        "ResourceMeta": "what the hook submit gives",
    },
    "extend": {
        "Architecture": "the platform of your own build of Image.to_dict()",
        "ImageBuildEngine": _BUILD,
        "ImageBuilder": _BUILD,
        "ImageChecker": "what your image registry says of Image.uri",
        "RuntimeTaskTemplate": "a TaskTemplate with fields, and a TaskType that executes it",
        "download_code_bundle": "SerializationContext.code_bundle, which says where the code is",
        "get_proto_extended_resources": "TaskSpec.definition['resources'], which a renderer reads",
        "get_proto_resources": "TaskSpec.definition['resources'], which a renderer reads",
        "lazy_module": "an import inside the function that needs the module",
    },
    "extras": {
        "BatchStats": _BATCHES,
        "CostEstimator": _BATCHES,
        "DynamicBatcher": _BATCHES,
        "Prompt": _BATCHES,
        "TokenBatcher": _BATCHES,
        "TokenEstimator": _BATCHES,
        "Sleep": "an async task that awaits asyncio.sleep(seconds)",
        "SleepTask": "an async task that awaits asyncio.sleep(seconds)",
        "model_streamer": "a File or Dir input, and the library of the model",
        "serialize": "tasksmithy.serialize(task)",
        "serialize_env": "tasksmithy.serialize(task) for each of TaskEnvironment.tasks",
        "shell": "ContainerTask, or a function that calls subprocess.run",
        "webhooks": "a plugin of the group tasksmithy.observers.v1 that calls the hook",
    },
    "io": {
        "DataFrame": _FRAME,
        "Dir": "tasksmithy.Dir",
        "EmptyDir": "Dir | None",
        "File": "tasksmithy.File",
        "HashFunction": "File or Dir, which a cache knows by its content",
        "PARQUET": _FRAME,
    },
    "models": {
        "ActionID": "tasksmithy.current(), with run_id and key",
        "ActionPhase": "the events of an Observer",
        "CLUSTERED_WORKER_ENV": "the hook config or custom_config of a TaskType",
        "CallCounter": "tasksmithy.current().key, which tells calls apart",
        "CheckpointPaths": _SMALLER,
        "CodeBundle": "tasksmithy.CodeBundle",
        "Docstring": "tasksmithy.Documentation",
        "GroupData": "tasksmithy.group(name)",
        "MAX_INLINE_IO_BYTES": "the field max_inline_io_bytes of a task",
        "NULL_TASK_CONTEXT": "tasksmithy.current(), which is falsy outside a run",
        "NativeInterface": "tasksmithy.NativeInterface",
        "PathRewrite": "a File or Dir with the path that it has here",
        "RawDataPath": "a File or Dir, which a run keeps",
        "SerializationContext": "tasksmithy.SerializationContext",
        "TaskContext": "tasksmithy.RunContext",
    },
    "report": {
        "Report": _REPORT,
        "Timeline": _REPORT,
        "current_report": _REPORT,
        "flush": "nothing: a report is kept when the task ends",
        "get_tab": _REPORT,
        "replace": _REPORT,
    },
}
"""Module below `tasksmithy` (empty for itself) to name to what to use instead."""


def missing(module: str, name: str) -> AttributeError | ImportError:
    """The error for a name that a module of the core does not have."""
    instead = INSTEAD.get(module.partition(".")[2], {}).get(name)
    if instead is None:
        import sys

        text = f"module {module!r} has no attribute {name!r}"
        return AttributeError(text, name=name, obj=sys.modules[module])
    # An AttributeError would be told by `from ... import` as "cannot import name", and no more.
    return ImportError(f"there is no {module}.{name}, as Flyte has it; use {instead}", name=module)
