"""Plugins whose tasks cannot be overridden, copied or configured, or do not run as they should."""

from __future__ import annotations

from core.tests.testing.conftest import Failures, Plugin, check

CONFIG = """
import dataclasses
from typing import Any
from pydantic import BaseModel, ConfigDict, SecretStr

class Config(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
"""
"""A module with a configuration, whose fields follow."""

CHOSEN = "config_model = Config"
HELD = "plugin_config: Any = None"

PLUGINS = {
    # The template
    "it_loses_what_is_false": Plugin(
        "test_every_field_can_be_overridden",
        ("task.override(queue=None) gave a task whose queue is 'default'", "is None"),
        task="""
        def __post_init__(self):
            super().__post_init__()
            object.__setattr__(self, "queue", self.queue or "default")
        """,
        everyday=True,
    ),
    "its_override_forgets": Plugin(
        "test_every_field_can_be_overridden",
        ("task.override(short_name='other') gave a task whose short_name is 'answer'",),
        task="def override(self, **fields): return self",
    ),
    "its_override_gives_another_class": Plugin(
        "test_every_field_can_be_overridden",
        ("gave a TaskTemplate, no BrokenTask", "leave override to TaskTemplate"),
        task="""
        def override(self, **fields):
            if "text" in fields: return super().override(**fields)
            given = {"name": self.name, "interface": self.interface, **fields}
            return TaskTemplate(**given)
        """,
    ),
    "it_settles_a_field_twice": Plugin(
        "test_every_field_can_be_overridden",
        ("task.override(short_name='other') raised AttributeError", "goes through it again"),
        task="""
        words: object = "a b"

        def __post_init__(self):
            super().__post_init__()
            object.__setattr__(self, "words", self.words.split())
        """,
    ),
    "it_refuses_what_it_has_settled": Plugin(
        "test_every_field_can_be_overridden",
        ("task.override(short_name='other') raised TaskDefinitionError: task 'answer': words=",),
        module="from tasksmithy import FieldError",
        task="""
        words: object = "a b"

        def __post_init__(self):
            super().__post_init__()
            if not isinstance(self.words, str): raise FieldError("words", self.words, "a text")
            object.__setattr__(self, "words", self.words.split())
        """,
    ),
    "its_field_cannot_be_overridden": Plugin(
        "test_the_fields_of_the_type_can_be_overridden",
        ("task.override(text=...) with the value that the task has raised TypeError: no text",),
        task="""
        def override(self, **fields):
            if "text" in fields: raise TypeError("no text")
            return super().override(**fields)
        """,
    ),
    "it_takes_any_field": Plugin(
        "test_an_unknown_field_is_refused_with_near_misses",
        ("BrokenTask was given the unknown field 'nmae' and took it",),
        task="""
        def __init__(self, **given):
            known = {k: v for k, v in given.items() if k in TaskTemplate.field_names}
            super().__init__(**known, task_type=type(self).task_type)
        """,
    ),
    "it_holds_a_lock": Plugin(
        "test_a_task_can_be_pickled",
        ("task 'answer' cannot be pickled: TypeError: cannot pickle", "make them in the execute"),
        module="import threading; LOCK = threading.Lock()",
        task="lock: object = LOCK",
    ),
    "it_holds_what_equals_nothing": Plugin(
        "test_a_task_is_equal_after_pickling",
        ("is not equal to itself after pickling; it differs in engine", "an __eq__"),
        module="""
        class Engine:
            def __init__(self): self.name = "fast"
            def __repr__(self): return "Engine()"
        ENGINE = Engine()
        """,
        task="engine: Engine = ENGINE",
    ),
    "it_loses_an_attribute": Plugin(
        "test_a_task_is_equal_after_pickling",
        ("has another spec after pickling", '-    "text": "hello world"'),
        task="""
        def __post_init__(self):
            super().__post_init__()
            object.__setattr__(self, "greeting", f"{self.text} world")

        def __getstate__(self):
            return {k: v for k, v in super().__getstate__().items() if k != "greeting"}
        """,
        hooks="""
        @hookimpl
        def custom_config(self, task): return {"text": getattr(task, "greeting", task.text)}

        @hookimpl
        def cache_version(self, task): return task.text
        """,
    ),
    "it_hashes_its_fields": Plugin(
        "test_a_task_can_be_hashed",
        ("cannot be hashed: TypeError: unhashable type", "leave __hash__ and __eq__"),
        task="""
        def __hash__(self): return hash(({}, self.name))
        """,
    ),
    "its_hash_is_its_address": Plugin(
        "test_a_task_can_be_hashed",
        ("two equal tasks named 'answer' have different hashes",),
        task="__hash__ = object.__hash__",
    ),
    # The configuration
    "its_config_has_no_schema": Plugin(
        "test_the_schema_of_the_config_can_be_exported",
        ("the config class Config has no JSON schema",),
        module=CONFIG + "    engine: type(iter([])) = iter([])",
        task=HELD,
        hooks=CHOSEN,
    ),
    "its_config_is_a_plain_class": Plugin(
        "test_the_schema_of_the_config_can_be_exported",
        ("the config class Plain has no JSON schema", "let it be a dataclass or a pydantic model"),
        module=CONFIG + "class Plain:\n    def __init__(self, workers=2): self.workers = workers",
        task=HELD,
        hooks="config_model = Plain",
    ),
    "its_config_takes_any_key": Plugin(
        "test_an_unknown_key_of_the_config_is_refused",
        ("Config(workers_=1) took the unknown key", 'ConfigDict(extra="forbid")'),
        module=CONFIG + "    model_config = ConfigDict(extra='ignore')\n    workers: int = 2",
        task=HELD,
        hooks=CHOSEN,
    ),
    "its_config_does_not_say_what_is_wrong": Plugin(
        "test_an_unknown_key_of_the_config_is_refused",
        ("raised ValueError: bad config, which does not name 'workers_'",),
        module=CONFIG
        + """
    workers: int = 2
    def __init__(self, **given):
        if given.keys() - {"workers"}: raise ValueError("bad config")
        super().__init__(**given)
""",
        task=HELD,
        hooks=CHOSEN,
    ),
    "its_default_is_not_allowed": Plugin(
        "test_the_defaults_of_the_config_are_valid",
        ("the defaults of the config class Config are not allowed by its own types", "image"),
        module=CONFIG + "    image: str = None",
        task=HELD,
        hooks=CHOSEN,
    ),
    "its_config_is_another_package_s": Plugin(
        "test_the_config_chooses_the_task_type",
        ("a plugin_config of class string.Template chooses no task type, not BrokenTask",),
        module=CONFIG.replace("class Config", "class Other")
        + "\nConfig = dataclasses.make_dataclass('Template', [('n', int, 1)])\n"
        + "Config.__module__ = 'string'",
        task=HELD,
        hooks=CHOSEN,
    ),
    "its_test_has_no_config": Plugin(
        "test_the_config_chooses_the_task_type",
        ("the config class Config needs workers", "plugin_config=Config(...)"),
        module=CONFIG + "    workers: int",
        task=HELD,
        hooks=CHOSEN,
    ),
    "it_is_no_function": Plugin(
        "test_functions_become_tasks_of_the_type",
        ("@env.task of the function '_plain' raised",),
        module=CONFIG,
        task=HELD,
        hooks=CHOSEN,
        test="capabilities = frozenset({'function'})",
    ),
    "its_spec_has_a_secret": Plugin(
        "test_secrets_in_fields_are_not_shown",
        ("the secret in plugin_config.password of task 'answer' is in the spec", "Secret(key)"),
        module=CONFIG + "    password: SecretStr = SecretStr('open sesame')",
        task=HELD,
        hooks=CHOSEN
        + """
@hookimpl
def custom_config(self, task): return {"password": task.plugin_config.password.get_secret_value()}
""",
        test="""
        def make_task(self):
            return self.task(plugin_config=BrokenTaskType_().config_model())
        """.replace("BrokenTaskType_()", "__import__('its_spec_has_a_secret').BrokenTaskType"),
        everyday=True,
    ),
    "its_error_has_a_secret": Plugin(
        "test_secrets_in_fields_are_not_shown",
        ("the secret in plugin_config.password of task 'answer' is in the error for a wrong",),
        module=CONFIG
        + """
    password: SecretStr = SecretStr('open sesame')
    def __init__(self, **given):
        if given.keys() - {"password"}: raise ValueError(f"unknown_ workers_ password_ in {given}")
        super().__init__(**given)
""",
        task=HELD,
        hooks=CHOSEN,
        test="""
        def make_task(self):
            return self.task(plugin_config=__import__('its_error_has_a_secret').Config())
        """,
    ),
    "its_field_is_equal_to_everything": Plugin(
        "test_a_task_is_equal_after_pickling",
        ("what is in the field text of task 'answer' is equal to everything",),
        module="""
        class Any(str):
            __hash__ = str.__hash__
            def __eq__(self, other): return True
        """,
        test="def make_task(self):\n    import its_field_is_equal_to_everything as module\n"
        "    return self.task(text=module.Any('a'))",
    ),
}


def test_the_fault_fails_its_check_alone_and_the_message_helps(
    failures: Failures, plugin: str
) -> None:
    check(PLUGINS[plugin], failures[plugin])
