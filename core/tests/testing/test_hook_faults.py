"""Plugins whose hooks are none, or give what they must not, or another thing each time."""

from __future__ import annotations

from core.tests.testing.conftest import GROUP, Failures, Plugin, check

SPEC = "test_every_hook_matches_the_hook_spec"

PLUGINS = {
    # The hook spec
    "it_stands_before_policies": Plugin(
        SPEC,
        (
            "'custom_config' has @hookimpl(tryfirst=True), which is not for plugins: the order is",
            "leave it out",
        ),
        hooks="""
        @hookimpl(wrapper=True, tryfirst=True)
        def custom_config(self): return {**(yield), "mine": 1}
        """,
    ),
    "it_forgets_the_decorator": Plugin(
        SPEC,
        (
            "task type 'it_forgets_the_decorator' (dist-of-it-forgets-the-decorator 1.2)",
            "has a method 'sql', the name of a hook, without @hookimpl: it would never be called",
            "from tasksmithy import hookimpl",
        ),
        hooks="def sql(self, task): return 'select 1'",
        everyday=True,
    ),
    "it_misspells_a_hook": Plugin(
        SPEC,
        ("implements the unknown hook 'container_arg'; did you mean 'container_args'",),
        hooks="""
        @hookimpl
        def container_arg(self, task): return []
        """,
    ),
    "it_misspells_a_hook_without_the_decorator": Plugin(
        SPEC,
        ("BrokenTaskType.container_arg is called by nothing; did you mean 'container_args'?",),
        hooks="def container_arg(self, task): return []",
    ),
    "its_template_misspells_a_hook": Plugin(
        SPEC,
        ("BrokenTask.custom_confg is called by nothing; did you mean 'custom_config'?",),
        task="def custom_confg(self, sctx): return {}",
    ),
    "it_is_a_template_that_misspells_a_hook": Plugin(
        SPEC,
        ("BrokenTask.container_arg is called by nothing; did you mean 'container_args'?",),
        task="""
        def custom_config(self, sctx): return {}
        def container_arg(self, sctx): return []
        """,
        entry_points={
            GROUP: {
                "it_is_a_template_that_misspells_a_hook": (
                    "it_is_a_template_that_misspells_a_hook:BrokenTask"
                )
            }
        },
    ),
    "it_takes_keyword_only_arguments": Plugin(
        SPEC,
        ("hook 'config' takes 'sctx', a keyword-only argument, which is never passed",),
        hooks="""
        @hookimpl
        def config(self, task, *, sctx=None): return {}
        """,
    ),
    "it_takes_an_argument_that_no_hook_has": Plugin(
        SPEC,
        ("hook 'config' takes 'context', which is never passed (arguments: task, sctx)",),
        hooks="""
        @hookimpl
        def config(self, task, context): return {}
        """,
    ),
    "its_wrapper_does_not_yield": Plugin(
        SPEC,
        ("breaks the hook spec", "is not a generator function", "shows an example of each"),
        hooks="""
        @hookimpl(wrapper=True)
        def config(self, task): return {}
        """,
    ),
    "it_answers_no_hook": Plugin(
        "test_at_least_one_hook_is_answered",
        ("answers no hook; did you mean 'config'", "with the name of a hook and @hookimpl"),
        hooks="""
        del custom_config, execute

        def configure(self, task): return {}
        """,
    ),
    # What hooks give
    "its_config_has_numbers": Plugin(
        "test_config_gives_text",
        (
            "hook 'config' of task type 'its_config_has_numbers'",
            "for task 'answer': returned {'cpu': 1} of type dict; give a mapping of str",
        ),
        hooks="""
        @hookimpl
        def config(self): return {"cpu": 1}
        """,
    ),
    "its_custom_config_has_a_date": Plugin(
        "test_custom_config_gives_json",
        ("a mapping that JSON cannot hold (since is of type date)",),
        module="import datetime",
        hooks="""
        @hookimpl
        def custom_config(self): return {"since": datetime.date(2026, 1, 1)}
        """,
    ),
    "its_custom_config_has_a_tuple": Plugin(
        "test_custom_config_gives_json",
        (
            "does not come back from JSON as it was",
            "-'ports': (80, 443)\n+'ports': [80, 443]",
            "give what JSON has",
        ),
        hooks="""
        @hookimpl
        def custom_config(self): return {"ports": (80, 443)}
        """,
    ),
    "its_custom_config_raises": Plugin(
        "test_custom_config_gives_json",
        ("hook 'custom_config' of task type", "raised KeyError('engine')"),
        hooks="""
        @hookimpl
        def custom_config(self): return {}["engine"]
        """,
        everyday=True,
    ),
    "its_words_are_one_text": Plugin(
        "test_container_args_gives_words",
        ("returned 'run --fast' of type str; give a list of str",),
        hooks="""
        @hookimpl
        def container_args(self): return "run --fast"
        """,
    ),
    "it_is_a_container_without_words": Plugin(
        "test_container_args_gives_words",
        ("hook 'container_args'", "gives no words, and the task type has the capability"),
        test="capabilities = frozenset({'container'})",
    ),
    "its_dialect_is_unknown": Plugin(
        "test_sql_gives_a_statement_in_a_known_dialect",
        ("gives the dialect 'postgresql', which is unknown; did you mean 'postgres'",),
        hooks="""
        @hookimpl
        def sql(self): return Sql("select 1", dialect="postgresql")
        """,
    ),
    "its_statement_is_empty": Plugin(
        "test_sql_gives_a_statement_in_a_known_dialect",
        ("gives an empty statement",),
        hooks="""
        @hookimpl
        def sql(self): return " "
        """,
    ),
    "it_is_sql_without_a_statement": Plugin(
        "test_sql_gives_a_statement_in_a_known_dialect",
        ("gives None, and the task type has the capability 'sql'",),
        test="capabilities = frozenset({'sql'})",
    ),
    "its_data_loading_is_a_mapping": Plugin(
        "test_data_loading_config_gives_a_data_loading_config",
        ("of type dict; give DataLoadingConfig or None",),
        hooks="""
        @hookimpl
        def data_loading_config(self): return {"input_path": "/in"}
        """,
    ),
    "its_cache_version_is_a_number": Plugin(
        "test_cache_version_gives_text",
        ("returned 3 of type int; give a str that is not empty",),
        hooks="""
        @hookimpl
        def cache_version(self): return 3
        """,
    ),
    "its_spec_is_a_mapping": Plugin(
        "test_serialize_gives_a_spec",
        ("of type dict; give a TaskSpec",),
        hooks="""
        @hookimpl
        def serialize(self, task): return {"name": task.name}
        """,
    ),
    "its_placeholder_names_no_input": Plugin(
        "test_placeholders_name_inputs",
        (
            "container_args[1] of task 'answer' has {{.inputs.number}}",
            "there is no input 'number'",
            "inputs: n: int",
        ),
        hooks="""
        @hookimpl
        def container_args(self): return ["{{.inputs.n}}", "{{ .inputs.number }}"]
        """,
    ),
    # Purity
    "its_spec_is_random": Plugin(
        "test_the_spec_is_the_same_twice",
        ("another one when it is asked for again", '"id":', "take out what is random"),
        module="import uuid",
        hooks="""
        @hookimpl
        def custom_config(self): return {"id": str(uuid.uuid4())}
        """,
    ),
    "it_counts_its_tasks": Plugin(
        "test_the_spec_is_the_same_twice",
        ("the spec is another one when the task is made again",),
        module="import itertools; count = itertools.count()",
        task="""
        number: int = -1

        def __post_init__(self):
            super().__post_init__()
            if self.number < 0:
                object.__setattr__(self, "number", next(count))
        """,
        hooks="""
        @hookimpl
        def custom_config(self, task): return {"number": task.number}
        """,
    ),
    "it_changes_the_task": Plugin(
        "test_serializing_changes_neither_the_task_nor_the_deployment",
        ("serializing changed seen of task 'answer'", "copy what a field holds"),
        module="from dataclasses import field",
        task="seen: list = field(default_factory=list)",
        hooks="""
        @hookimpl
        def config(self, task):
            task.seen.append(1)
            return {}

        @hookimpl
        def cache_version(self, task): return task.text
        """,
    ),
    "it_changes_the_deployment": Plugin(
        "test_serializing_changes_neither_the_task_nor_the_deployment",
        ("serializing task 'answer' changed the SerializationContext",),
        hooks="""
        @hookimpl
        def config(self, task, sctx):
            sctx.image_cache["default"] = "image:1"
            return {}
        """,
    ),
    "it_lists_a_set": Plugin(
        "test_the_spec_does_not_depend_on_the_hash_seed",
        ("another one in a process with another PYTHONHASHSEED", '"tag-', "sorted(...)"),
        hooks="""
        @hookimpl
        def custom_config(self): return {"tags": [*{f"tag-{n}" for n in range(20)}]}
        """,
    ),
    "it_reads_the_clock": Plugin(
        "test_the_spec_does_not_depend_on_the_clock",
        ("another one in another day", '"day":', "make it a field of the task"),
        module="from datetime import date",
        hooks="""
        @hookimpl
        def custom_config(self): return {"day": date.today().isoformat()}
        """,
    ),
    "it_is_named_after_its_folder": Plugin(
        "test_the_spec_does_not_depend_on_the_working_directory",
        ("another one in another working directory", "Path(__file__)"),
        module="import os",
        hooks="""
        @hookimpl
        def custom_config(self): return {"folder": os.path.basename(os.getcwd())}
        """,
    ),
    "it_reads_the_environment": Plugin(
        "test_the_spec_does_not_depend_on_the_environment",
        (
            "an environment in which BROKEN_STAGE and the machine",
            '"stage": "dev"',
            "from the SerializationContext",
        ),
        module="import os; STAGE = os.environ.get('BROKEN_STAGE', 'dev')",
        hooks="""
        @hookimpl
        def custom_config(self): return {"stage": STAGE}
        """,
        everyday=True,
    ),
    "its_test_needs_this_process": Plugin(
        "test_a_fresh_process_makes_the_task",
        ("fail in a fresh process: ", "RuntimeError: not under pytest"),
        test="""
        def make_task(self):
            import sys
            if "probe" in sys.argv[0]: raise RuntimeError("not under pytest")
            return self.task()
        """,
    ),
    # Policies
    "its_template_is_patched": Plugin(
        "test_a_policy_sees_each_hook_once",
        ("was asked for 'config', a policy saw that hook 0 times; it is seen once",),
        hooks="BrokenTask.config = lambda self, sctx: {}",
    ),
    "it_asks_itself_again": Plugin(
        "test_a_policy_sees_each_hook_once",
        ("was asked for 'config', a policy saw that hook 2 times",),
        module="from tasksmithy.task._hooks import hooks_for\nasking = []",
        hooks="""
        @hookimpl
        def config(self, task, sctx):
            if asking: return {}
            asking.append(1)
            try: return hooks_for(task).config(task, sctx)
            finally: asking.pop()
        """,
    ),
    "its_spec_passes_policies_by": Plugin(
        "test_a_policy_may_change_what_a_hook_gives",
        ("what a policy adds to config, custom_config, container_args is not in the spec",),
        module="from tasksmithy.task._spec import Provenance",
        hooks="""
        @hookimpl
        def serialize(self, task):
            return TaskSpec(
                name=task.name, task_type=task.task_type, task_type_version=0,
                provenance=Provenance("broken"), image="auto",
                interface={"inputs": [], "outputs": []},
            )
        """,
    ),
    "its_answer_is_shared": Plugin(
        "test_a_policy_of_one_registry_leaves_another_unaffected",
        ("a policy of another registry has changed the spec", "give a new dict or list each time"),
        module="CONFIG = {'engine': {'speed': 'fast'}}",
        hooks="""
        @hookimpl
        def custom_config(self): return CONFIG
        """,
    ),
    "its_cache_version_is_constant": Plugin(
        "test_the_cache_version_tells_tasks_apart",
        ("whatever the task has in text",),
        hooks="""
        @hookimpl
        def cache_version(self): return "1"
        """,
        everyday=True,
    ),
    "its_spec_has_the_machine": Plugin(
        "test_the_spec_does_not_depend_on_the_environment",
        ("the spec is another one in",),
        module="import socket",
        hooks="""
        @hookimpl
        def custom_config(self): return {"host": socket.gethostname()}
        """,
    ),
    "its_spec_has_the_home": Plugin(
        "test_the_spec_does_not_depend_on_the_environment",
        ("the spec is another one in",),
        module="import os",
        hooks="""
        @hookimpl
        def custom_config(self): return {"home": os.path.expanduser("~")}
        """,
    ),
    "its_spec_has_the_time_zone": Plugin(
        "test_the_spec_does_not_depend_on_the_environment",
        ("the spec is another one in",),
        module="import datetime",
        hooks="""
        @hookimpl
        def custom_config(self): return {"day": datetime.datetime.fromtimestamp(0).isoformat()}
        """,
    ),
    "its_spec_has_the_program": Plugin(
        "test_the_spec_is_the_same_in_a_fresh_process",
        ("the spec is another one in a fresh process",),
        module="import sys",
        hooks="""
        @hookimpl
        def custom_config(self): return {"program": sys.argv[0]}
        """,
    ),
    "its_spec_changes_after_many_calls": Plugin(
        "test_the_spec_is_the_same_in_a_fresh_process",
        ("the spec is another one in a fresh process",),
        module="import itertools; calls = itertools.count()",
        hooks="""
        @hookimpl
        def custom_config(self): return {"late": next(calls) > 41}
        """,
    ),
}


def test_the_fault_fails_its_check_alone_and_the_message_helps(
    failures: Failures, plugin: str
) -> None:
    check(PLUGINS[plugin], failures[plugin])
