"""Names of Flyte 2.12.1's `flyte.extend` and `flyte.extras` that are not here, and what to use."""

INSTEAD = {
    "extend": {
        "Architecture": "the platform of your own build of Image.to_dict()",
        "ImageBuildEngine": "a build of your own of Image.to_dict()",
        "ImageBuilder": "a build of your own of Image.to_dict()",
        "ImageChecker": "what your image registry says of Image.uri",
        "RuntimeTaskTemplate": "a TaskTemplate with fields, and a TaskType that executes it",
        "download_code_bundle": "SerializationContext.code_bundle, which says where the code is",
        "get_proto_extended_resources": "TaskSpec.definition['resources'], which a renderer reads",
        "get_proto_resources": "TaskSpec.definition['resources'], which a renderer reads",
        "lazy_module": "an import inside the function that needs the module",
    },
    "extras": {
        "BatchStats": "tasksmithy.map(..., concurrency=...) over batches of your own",
        "CostEstimator": "tasksmithy.map(..., concurrency=...) over batches of your own",
        "DynamicBatcher": "tasksmithy.map(..., concurrency=...) over batches of your own",
        "Prompt": "tasksmithy.map(..., concurrency=...) over batches of your own",
        "TokenBatcher": "tasksmithy.map(..., concurrency=...) over batches of your own",
        "TokenEstimator": "tasksmithy.map(..., concurrency=...) over batches of your own",
        "Sleep": "an async task that awaits asyncio.sleep(seconds)",
        "SleepTask": "an async task that awaits asyncio.sleep(seconds)",
        "model_streamer": "a File or Dir input, and the library of the model",
        "serialize": "tasksmithy.serialize(task)",
        "serialize_env": "tasksmithy.serialize(task) for each of TaskEnvironment.tasks",
        "shell": "ContainerTask, or a function that calls subprocess.run",
        "webhooks": "a plugin of the group tasksmithy.observers.v1 that calls the hook",
    },
}
"""Module to name to what to use instead."""


def missing(module: str, name: str) -> AttributeError | ImportError:
    """The error for a name that a module does not have."""
    instead = INSTEAD[module].get(name)
    if instead is None:
        return AttributeError(f"module 'tasksmithy.{module}' has no attribute {name!r}")
    # An AttributeError would be told by `from ... import` as "cannot import name", and no more.
    return ImportError(f"flyte.{module}.{name} has no counterpart in tasksmithy; use {instead}")
