"""Renderer `flyte`: tasks as a Flyte 2 cluster takes them; the worker and the connector for it."""

from tasksmithy_flyte.errors import LiteralError, RenderError
from tasksmithy_flyte.policies import get_security_context
from tasksmithy_flyte.renderer import message_of, render, render_json, spec_of
from tasksmithy_flyte.resources import get_proto_extended_resources, get_proto_resources
from tasksmithy_flyte.triggers import triggers_of

__version__ = "0.1.0"

__all__ = [
    "LiteralError",
    "RenderError",
    "__version__",
    "get_proto_extended_resources",
    "get_proto_resources",
    "get_security_context",
    "message_of",
    "render",
    "render_json",
    "spec_of",
    "triggers_of",
]
