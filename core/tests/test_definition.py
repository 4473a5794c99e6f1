"""Definitions: keyword-only, frozen, checked at once, with errors that name task and field."""

from __future__ import annotations

import ast
import copy
import dataclasses
import inspect
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tasksmithy import (
    Cache,
    Converted,
    Cron,
    DefinitionError,
    EnvironmentDefinitionError,
    FieldError,
    NativeInterface,
    Registry,
    Resources,
    RetryStrategy,
    TaskDefinitionError,
    TaskEnvironment,
    TaskTemplate,
    Trigger,
    checks,
    task_field,
)
from tasksmithy.task._declaration import UNSET
from tasksmithy.task._field import given_type
from tasksmithy.task._hooks import hooks_for
from tasksmithy.task._spellings import FIRST_SPELLINGS

INTERFACE = NativeInterface.from_types({"n": int}, {"o0": int})


class Job(TaskTemplate, task_type="job"):
    """A task type with fields of its own, one of them required."""

    command: str
    cores: int = 1


class CheckedJob(TaskTemplate, task_type="checked-job"):
    """A task type that checks a field in `__post_init__`."""

    cores: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cores < 1:
            raise FieldError("cores", self.cores, "at least one core")


def job(**fields: Any) -> Any:
    return Job(**{"name": "t.job", "interface": INTERFACE, "command": "ls", **fields})


def refusal(**fields: Any) -> TaskDefinitionError:
    with pytest.raises(TaskDefinitionError) as caught:
        job(**fields)
    return caught.value


# Errors


def test_the_error_names_the_task_the_field_the_value_and_what_is_allowed() -> None:
    error = refusal(retries=-1)
    facts = (error.owner, error.field, error.value)
    assert facts == ("t.job", "retries", -1)
    assert error.allowed == "an integer of at least 0, or a RetryStrategy"
    assert str(error) == (
        "task 't.job': retries=-1 is not allowed: give an integer of at least 0, or a RetryStrategy"
    )


def test_the_error_names_the_field_inside_a_nested_value() -> None:
    assert refusal(resources=Resources(memory="lots")).field == "resources.memory"


def test_a_class_that_leaves_the_checks_of_every_task_out_is_told_so() -> None:
    class Careless(TaskTemplate, task_type="careless"):
        def __post_init__(self) -> None:
            pass

    with pytest.raises(TypeError) as caught:
        Careless(name="t", interface=INTERFACE)
    assert str(caught.value) == (
        "Careless.__post_init__ does not call super().__post_init__(), which checks the other "
        "fields"
    )


def test_a_definition_error_is_a_value_error() -> None:
    assert isinstance(refusal(retries=-1), ValueError)
    assert isinstance(refusal(retries=-1), DefinitionError)


def test_the_error_has_no_field_error_in_its_traceback() -> None:
    error = refusal(retries=-1)
    assert error.__suppress_context__


def test_an_unknown_field_is_refused_with_its_near_miss() -> None:
    error = refusal(retires=2)
    assert (error.field, error.value) == ("retires", 2)
    assert str(error) == (
        "task 't.job': retires=2 is not allowed: give a field of Job; did you mean 'retries'?"
    )


def test_an_unknown_field_is_refused_with_the_near_miss_of_a_subclass_field() -> None:
    assert "did you mean 'command'?" in str(refusal(comand="ls"))


def test_an_unknown_field_without_a_near_miss_is_refused_all_the_same() -> None:
    error = refusal(zzz=1)
    assert (error.field, error.allowed) == ("zzz", "a field of Job")


def test_positional_arguments_are_refused() -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        Job("t.job", INTERFACE, command="ls")  # type: ignore[call-arg,misc]
    assert caught.value.field == "arguments"
    assert "every field by its name" in str(caught.value)


@pytest.mark.parametrize("missing", ["name", "interface", "command"])
def test_a_missing_field_is_named(missing: str) -> None:
    fields: dict[str, Any] = {"name": "t.job", "interface": INTERFACE, "command": "ls"}
    del fields[missing]
    with pytest.raises(TaskDefinitionError) as caught:
        Job(**fields)
    assert caught.value.field == missing
    assert "Job has no default for it" in str(caught.value)


def test_an_unknown_field_comes_before_a_missing_one_that_it_may_be_meant_for() -> None:
    with pytest.raises(TaskDefinitionError, match="did you mean 'command'"):
        Job(name="t.job", interface=INTERFACE, comand="ls")  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["", "  ", None, 5, b"job", ["job"]])
def test_a_name_is_a_string_that_is_not_empty(name: object) -> None:
    error = refusal(name=name)
    assert (error.field, error.value) == ("name", name)
    assert "a string that is not empty" in str(error)


def test_the_error_of_a_nameless_task_shows_what_was_given_as_name() -> None:
    assert str(refusal(name=5)).startswith("task '5': name=5 is not allowed")


def test_an_environment_has_an_error_of_its_own() -> None:
    with pytest.raises(EnvironmentDefinitionError) as caught:
        TaskEnvironment(name="etl", imagee="x")  # type: ignore[call-arg]
    assert str(caught.value) == (
        "environment 'etl': imagee='x' is not allowed: give a field of TaskEnvironment; "
        "did you mean 'image'?"
    )


# Subclasses


def test_a_subclass_adds_fields_without_a_decorator() -> None:
    assert (job().command, job().cores, job(cores=4).cores) == ("ls", 1, 4)
    assert {"command", "cores"} == Job.field_names - TaskTemplate.field_names


def test_the_class_line_names_the_task_type() -> None:
    assert Job.task_type == "job"
    assert job().task_type == "job"


def test_the_class_body_names_the_task_type_as_the_default_of_its_field() -> None:
    class Query(TaskTemplate):
        task_type: str = "query"

    assert Query.task_type == "query"
    assert Query(name="q", interface=INTERFACE).task_type == "query"


def test_the_class_body_names_the_task_type_without_an_annotation() -> None:
    class Query(TaskTemplate):
        task_type = "query"

    assert Query(name="q", interface=INTERFACE).task_type == "query"


def test_a_subclass_gives_an_inherited_field_another_default_without_an_annotation() -> None:
    class Steady(Job):
        retries = 3

    steady: Any = Steady(name="s", interface=INTERFACE, command="ls")
    assert steady.retries.count == 3


def test_a_class_attribute_that_is_no_field_stays_one_of_the_class() -> None:
    class Tagged(Job):
        tag: ClassVar[str] = "x"
        other = "y"

    assert Tagged.field_names == Job.field_names


def test_a_subclass_inherits_the_task_type_of_its_base() -> None:
    class Nightly(Job):
        hour: int = 3

    assert Nightly(name="n", interface=INTERFACE, command="ls").task_type == "job"


def test_a_subclass_of_a_subclass_names_another_task_type() -> None:
    class Nightly(Job, task_type="nightly"):
        hour: int = 3

    nightly = Nightly(name="n", interface=INTERFACE, command="ls", cores=2)
    assert (nightly.task_type, nightly.cores, job().task_type) == ("nightly", 2, "job")


def test_a_field_error_of_a_subclass_becomes_an_error_that_names_the_task() -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        CheckedJob(name="t.checked", interface=INTERFACE, cores=0)
    assert str(caught.value) == ("task 't.checked': cores=0 is not allowed: give at least one core")


def test_another_exception_of_a_subclass_is_left_as_it_is() -> None:
    class Broken(TaskTemplate, task_type="broken"):
        def __post_init__(self) -> None:
            raise RuntimeError("no disk")

    with pytest.raises(RuntimeError, match="no disk"):
        Broken(name="t", interface=INTERFACE)


def test_a_subclass_with_a_constructor_of_its_own_keeps_it() -> None:
    class Small(Job):
        def __init__(self, command: str) -> None:
            super().__init__(name="small", interface=INTERFACE, command=command)

    assert Small("ls").command == "ls"
    with pytest.raises(TaskDefinitionError):
        Small(command=5).override(retries=-1)  # type: ignore[arg-type]


def test_a_constructor_of_its_own_gives_the_fields_of_its_class_to_that_of_its_base() -> None:
    class Shell(TaskTemplate, task_type="shell"):
        script: str
        words: list[str] = dataclasses.field(default_factory=list)
        times: int = 1

        def __init__(self, script: str, **others: Any) -> None:
            super().__init__(name="shell", interface=INTERFACE, script=script, **others)

    shell = Shell("date", times=2, retries=3)
    assert (shell.script, shell.words, shell.times, shell.retries) == (
        *("date", [], 2),
        RetryStrategy(3),
    )
    assert shell.override(script="ls") == Shell("ls", times=2, retries=3)
    with pytest.raises(TaskDefinitionError, match="tmes=2 is not allowed: give a field of Shell"):
        Shell("date", tmes=2)


# Fields, declared once


def words(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, str | tuple):
        raise FieldError(name, value, "words")
    return tuple(value.split()) if isinstance(value, str) else value


class Phrase(TaskTemplate[..., Any], task_type="phrase"):
    """A phrase.

    >>> Phrase

    Raises:
        TaskDefinitionError: it is none.
    """

    text: Converted[str | tuple[str, ...], tuple[str, ...]] = task_field(
        check=words, doc="the words."
    )
    tone: str = task_field(default="calm", overridable=False, doc="how it is said.")
    count: int = task_field(init=False, derived=lambda task: len(task.text))
    first: str = task_field(
        default="", check=checks.text, derived=lambda task: task.first or task.text[0]
    )


def phrase(**fields: Any) -> Any:
    return Phrase(**{"name": "p", "interface": INTERFACE, "text": "to be", **fields})


def test_a_field_stores_what_its_check_gives() -> None:
    assert phrase().text == ("to", "be")
    assert phrase().override(text="or not").text == ("or", "not")


def test_a_value_that_the_check_of_a_field_refuses_names_the_task() -> None:
    with pytest.raises(TaskDefinitionError, match=r"task 'p': text=5 is not allowed: give words"):
        phrase(text=5)
    with pytest.raises(TaskDefinitionError, match=r"task 'p': text=5 is not allowed: give words"):
        phrase().override(text=5)


def test_a_derived_field_follows_the_fields_that_it_is_derived_from() -> None:
    assert (phrase().count, phrase().first) == (2, "to")
    assert phrase().override(text="or not to be").count == 4


def test_a_derived_field_may_go_by_what_was_given() -> None:
    assert phrase(first="be").override(text="or not").first == "be"


def test_what_a_field_is_derived_as_is_checked_too() -> None:
    with pytest.raises(TaskDefinitionError, match="first=b'x' is not allowed: give a string"):
        phrase(text=(b"x",))


def test_a_field_that_is_derived_alone_can_neither_be_given_nor_overridden() -> None:
    with pytest.raises(TaskDefinitionError, match="count=3 is not allowed: give a field of Phrase"):
        phrase(count=3)
    with pytest.raises(TaskDefinitionError, match="give no count: it is fixed"):
        phrase().override(count=3)


def test_a_field_that_is_not_overridable_is_fixed() -> None:
    with pytest.raises(TaskDefinitionError, match="give no tone: it is fixed"):
        phrase().override(tone="loud")
    assert "tone" in Phrase.fixed_fields


def test_a_field_that_a_class_declares_anew_is_checked_as_its_base_declares_it() -> None:
    class Loud(Phrase):
        text = "be quiet"  # type: ignore[assignment]
        queue: str | None = ""
        tone: str = task_field(default="loud")

    assert Loud(name="l", interface=INTERFACE, queue="gpu").text == ("be", "quiet")
    with pytest.raises(TaskDefinitionError, match="queue='' is not allowed"):
        Loud(name="l", interface=INTERFACE)
    assert "tone" in Loud.fixed_fields


def test_the_docstring_of_a_class_lists_its_fields_before_what_it_raises() -> None:
    text = inspect.getdoc(Phrase) or ""
    before, _, after = text.partition("Args:\n")
    assert before == "A phrase.\n\n>>> Phrase\n\n"
    assert after.startswith("    name: name of the task")
    assert "\n    text: the words.\n" in after
    assert after.endswith("\nRaises:\n    TaskDefinitionError: it is none.")


def test_a_docstring_that_lists_fields_itself_is_left_as_it_is() -> None:
    class Told(Phrase):
        """Told.

        Args:
            text: what is told.
        """

    assert inspect.getdoc(Told) == "Told.\n\nArgs:\n    text: what is told."


@pytest.mark.parametrize("define", [TaskTemplate, TaskEnvironment])
def test_help_lists_every_field_that_can_be_given(define: Any) -> None:
    text = inspect.getdoc(define) or ""
    for name in inspect.signature(define).parameters:
        if not name.startswith("_"):
            assert f"\n    {name}: " in text


def test_a_signature_shows_what_may_be_given() -> None:
    parameters = inspect.signature(Phrase).parameters
    assert parameters["text"].annotation == "str | tuple[str, ...]"
    assert parameters["retries"].annotation == "int | RetryStrategy"
    assert inspect.signature(phrase().override).parameters["retries"].default is UNSET


# What type checkers alone see, which nothing derives


def for_type_checkers() -> list[ast.AST]:
    """What stands below `if TYPE_CHECKING:` in the class `TaskTemplate`."""
    source = Path(inspect.getfile(TaskTemplate)).read_text(encoding="utf-8")
    [template] = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == "TaskTemplate"
    ]
    return [
        statement
        for node in template.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
    ]


def alternatives(annotation: str) -> set[str]:
    def parts(node: ast.expr) -> Iterator[str]:
        if isinstance(node, ast.BinOp):
            yield from (*parts(node.left), *parts(node.right))
        else:
            yield ast.unparse(node)

    return set(parts(ast.parse(annotation, mode="eval").body))


def test_type_checkers_know_of_each_field_that_override_changes() -> None:
    [override] = [node for node in for_type_checkers() if isinstance(node, ast.FunctionDef)]
    listed = {
        arg.arg: ast.unparse(arg.annotation) for arg in override.args.kwonlyargs if arg.annotation
    }
    declared = {
        field.name: given_type(field)
        for field in dataclasses.fields(TaskTemplate)
        if field.name not in TaskTemplate.fixed_fields and not field.name.startswith("_")
    }
    assert listed.keys() == declared.keys()
    for name, kind in declared.items():
        extra = {"Unset"} | ({"Literal['off']"} if name == "reusable" else set())
        assert alternatives(listed[name]) == alternatives(kind) | extra, name


def test_the_fields_that_are_repeated_for_mypy_are_as_they_are_declared() -> None:
    repeated = {
        ast.unparse(node.target): ast.unparse(node.annotation)
        for node in for_type_checkers()
        if isinstance(node, ast.AnnAssign)
    }
    declared = {field.name: field.type for field in dataclasses.fields(TaskTemplate)}
    assert repeated
    for name, kind in repeated.items():
        assert kind == ast.unparse(ast.parse(declared[name], mode="eval").body), name


# Names


@pytest.mark.parametrize("name", ["a" * 256, " a", "a\n", "a\x1b[31m", "a\x00b"])
def test_a_name_that_a_cluster_would_not_take_is_refused(name: str) -> None:
    for define in (TaskTemplate, lambda **fields: TaskTemplate(triggers=daily(name), **fields)):
        given = name if define is TaskTemplate else "t"
        with pytest.raises(TaskDefinitionError, match=r"255 characters|printable"):
            define(name=given, interface=INTERFACE)
    assert TaskTemplate(name="Grüße an 10 %: a/b", interface=INTERFACE)


def daily(name: str) -> Trigger:
    return Trigger(name, Cron("@daily"), inputs={"n": 1})


# A constructor of its own


def test_a_class_with_a_constructor_of_its_own_keeps_the_defaults_of_its_body() -> None:
    class Web(TaskTemplate, task_type="web"):
        url: str
        retries: Any = 3
        report = True

        def __init__(self, name: str, url: str, **others: Any) -> None:
            super().__init__(name=name, interface=INTERFACE, url=url, **others)

    web = Web("w", "https://example.com")
    assert (web.task_type, web.retries, web.report) == ("web", RetryStrategy(3), True)
    assert Web("w", "https://example.com", retries=0).retries == RetryStrategy(0)


def test_a_constructor_of_its_own_that_leaves_a_field_out_is_told_so() -> None:
    class Web(TaskTemplate, task_type="web"):
        url: str

        def __init__(self, url: str) -> None:
            super().__init__(name="w", interface=INTERFACE)

    with pytest.raises(TaskDefinitionError, match="Web has no default for it"):
        Web("https://example.com")


def test_a_constructor_is_inherited_with_the_fields_of_the_class_that_inherits_it() -> None:
    class Web(TaskTemplate, task_type="web"):
        url: str

        def __init__(self, url: str, **fields: Any) -> None:
            fields["url"] = url
            super().__init__(name="w", interface=INTERFACE, **fields)

    class Secure(Web, task_type="secure"):
        port: int = 443
        retries = 2

    class Quiet:
        """A mixin without a constructor."""

    class Both(Quiet, Secure, task_type="both"):
        port = 8443

    secure, both = Secure("example.com"), Both("example.com", retries=1)
    assert (secure.port, secure.retries) == (443, RetryStrategy(2))
    assert (both.port, both.retries, both.url) == (8443, RetryStrategy(1), "example.com")


# A constructor that assigns


class Assigning(TaskTemplate[..., Any], task_type="assigning"):
    """Assigns what it declares, and what it does not."""

    region: str = task_field(default="eu", check=checks.non_empty)

    def __init__(self, query: str, **fields: Any) -> None:
        self.before = "super"
        super().__init__(name="a", interface=INTERFACE, **fields)
        self.query = query
        self._hidden = len(query)


def assigning(**assigned: Any) -> Any:
    """A task whose constructor assigns these."""

    class Given(TaskTemplate[..., Any], task_type="given"):
        port: int = 80

        def __init__(self) -> None:
            super().__init__(name="g", interface=INTERFACE)
            for name, value in assigned.items():
                setattr(self, name, value)

    return Given()


def test_what_a_constructor_assigns_is_kept_by_override_pickling_and_copying() -> None:
    task: Any = Assigning("select 1")
    changed = task.override(retries=2).override(region="us")
    copies = (changed, pickle.loads(pickle.dumps(task)), copy.copy(task), copy.deepcopy(task))
    for each in copies:
        assert (each.query, each._hidden, each.before) == ("select 1", 8, "super")
    assert changed.retries == RetryStrategy(2)


def test_tasks_differ_in_what_their_constructor_assigned() -> None:
    assert Assigning("select 1") == Assigning("select 1")
    assert Assigning("select 1") != Assigning("select 2")
    assert assigning(a=1) != assigning(a=1, b=2)
    assert len({Assigning("select 1"), Assigning("select 1")}) == 1


def test_the_identity_of_a_task_has_what_its_constructor_assigned() -> None:
    with Registry(task_types=[Assigning]).entered():
        versions = [hooks_for(Assigning(q)).cache_version(Assigning(q)) for q in ("1", "2", "1")]
    assert versions[0] == versions[2] != versions[1]


def test_what_a_constructor_assigned_cannot_be_overridden() -> None:
    with pytest.raises(TaskDefinitionError, match="query='x'") as caught:
        Assigning("select 1").override(query="x")
    assert "it is fixed when the task is defined" in str(caught.value)


def test_a_field_that_a_constructor_assigns_is_checked_and_counts_as_given() -> None:
    task = assigning(retries=3, secrets="token", port=81)
    assert (task.retries, task.secrets[0].key, task.port) == (RetryStrategy(3), "token", 81)
    assert {"retries", "secrets", "port"} <= task._given
    assert task.override(port=82).port == 82
    with pytest.raises(TaskDefinitionError, match="task 'g': retries=-1 is not allowed"):
        assigning(retries=-1)
    with pytest.raises(TaskDefinitionError, match=r"cache\.ignored_inputs"):
        assigning(cache=Cache(ignored_inputs="nothing"))


def test_a_first_spelling_that_a_constructor_assigns_is_the_field() -> None:
    with pytest.warns(DeprecationWarning, match="write 'short_name'"):
        assert assigning(friendly_name="other").short_name == "other"


@pytest.mark.parametrize("name", ["execute", "sql", "override", "field_names"])
def test_a_constructor_cannot_hide_a_method(name: str) -> None:
    with pytest.raises(TaskDefinitionError, match=f"it would hide '{name}' of Given"):
        assigning(**{name: 1})


def test_a_field_is_assigned_after_the_constructor_of_the_base() -> None:
    class Early(TaskTemplate[..., Any], task_type="early"):
        def __init__(self) -> None:
            self.retries = 3
            super().__init__(name="e", interface=INTERFACE)

    with pytest.raises(TaskDefinitionError, match=r"retries=3 .* after super\(\).__init__"):
        Early()


def test_a_constructor_that_does_not_call_that_of_its_base_is_told_so() -> None:
    class Alone(TaskTemplate[..., Any], task_type="alone"):
        def __init__(self) -> None:
            self.query = "select 1"

    with pytest.raises(TypeError, match=r"Alone.__init__ does not call super\(\).__init__"):
        Alone()


def test_a_required_field_may_be_assigned_and_not_left_out() -> None:
    class Book(TaskTemplate[..., Any], task_type="book"):
        path: str

        def __init__(self, path: str | None) -> None:
            super().__init__(name="b", interface=INTERFACE)
            if path is not None:
                self.path = path

    assert Book("a.ipynb").path == "a.ipynb"
    with pytest.raises(TaskDefinitionError, match="path is missing"):
        Book(None)


def test_what_post_init_assigns_follows_what_it_is_made_of() -> None:
    @dataclasses.dataclass(kw_only=True)
    class Labelled(TaskTemplate[..., Any], task_type="labelled"):  # type: ignore[misc]
        nodes: int = 1

        def __post_init__(self) -> None:
            super().__post_init__()
            self.label = f"{self.nodes} nodes"
            self.queue = "large" if self.nodes > 1 else None

    task: Any = Labelled(name="l", interface=INTERFACE)
    assert (task.label, task.queue) == ("1 nodes", None)
    assert (task.override(nodes=2).label, task.override(nodes=2).queue) == ("2 nodes", "large")


def test_an_attribute_is_assigned_while_a_task_is_made_and_not_later() -> None:
    task: Any = Assigning("select 1")
    for change in (lambda: setattr(task, "query", "x"), lambda: setattr(task, "retries", 1)):
        with pytest.raises(dataclasses.FrozenInstanceError, match=r"override\(.*\) gives a copy"):
            change()
    with pytest.raises(dataclasses.FrozenInstanceError):
        del task.query
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.override(retries=1).query = "x"


def test_a_property_with_a_setter_is_set_as_it_says() -> None:
    class Set(TaskTemplate[..., Any], task_type="set"):
        def __init__(self, size: int) -> None:
            super().__init__(name="s", interface=INTERFACE)
            self.size = size

        @property
        def size(self) -> int:
            return self._size

        @size.setter
        def size(self, size: int) -> None:
            self._size = size * 2

    assert (Set(2).size, Set(2).override(retries=1).size) == (4, 4)
    assert "size" not in Set(2).field_names


def test_an_environment_with_a_constructor_keeps_what_it_assigned() -> None:
    class Team(TaskEnvironment):
        def __init__(self, team: str, **fields: Any) -> None:
            super().__init__(name=f"{team}-env", **fields)
            self.team = team
            self.description = f"of {team}"

    made: Any = Team("data").clone_with("other")
    assert (made.name, made.team, made.description) == ("other", "data", "of data")


# The first public spellings

FIRST = {"friendly_name": "Job", "interruptable": True, "env": {"A": "1"}}


def this_line() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def test_the_table_of_first_spellings_is_complete() -> None:
    assert FIRST_SPELLINGS.keys() == FIRST.keys()


@pytest.mark.parametrize("first", FIRST)
def test_a_first_spelling_is_the_field_of_today_with_a_warning(first: str) -> None:
    current = FIRST_SPELLINGS[first]
    with pytest.warns(DeprecationWarning, match=f"'{first}'.*write '{current}'"):
        task = job(**{first: FIRST[first]})
    assert getattr(task, current) == FIRST[first]


@pytest.mark.parametrize("first", FIRST)
def test_override_accepts_a_first_spelling_with_a_warning(first: str) -> None:
    current = FIRST_SPELLINGS[first]
    with pytest.warns(DeprecationWarning, match=f"'{first}'.*write '{current}'"):
        task = job().override(**{first: FIRST[first]})
    assert getattr(task, current) == FIRST[first]


@pytest.mark.parametrize("first", FIRST)
def test_both_spellings_together_are_refused(first: str) -> None:
    error = refusal(**{first: FIRST[first], FIRST_SPELLINGS[first]: FIRST[first]})
    assert error.field == first
    assert f"{FIRST_SPELLINGS[first]!r} alone" in str(error)


@pytest.mark.parametrize("first", FIRST)
def test_override_refuses_both_spellings_together(first: str) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        job().override(**{first: FIRST[first], FIRST_SPELLINGS[first]: FIRST[first]})
    assert caught.value.field == first


def test_the_warning_of_a_constructor_points_at_the_line_that_calls_it() -> None:
    line = this_line() + 2
    with pytest.warns(DeprecationWarning, match="'env'") as caught:
        Job(name="t", interface=INTERFACE, command="ls", env={})  # type: ignore[call-arg]
    assert [(Path(w.filename), w.lineno) for w in caught] == [(Path(__file__), line)]


def test_the_warning_of_an_override_points_at_the_line_that_calls_it() -> None:
    line = this_line() + 2
    with pytest.warns(DeprecationWarning, match="'env'") as caught:
        job().override(env={})
    assert [(Path(w.filename), w.lineno) for w in caught] == [(Path(__file__), line)]


def test_the_spellings_of_today_warn_of_nothing() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        job(short_name="Job", interruptible=True, env_vars={"A": "1"}).override(short_name="j")
    assert said == []


def test_a_class_body_may_have_a_first_spelling_with_a_warning() -> None:
    line = this_line() + 3
    with pytest.warns(DeprecationWarning, match="first spelling") as caught:

        class Old(Job):  # fmt: skip
            friendly_name: str = "nice"
            interruptable = True

    assert {(Path(w.filename), w.lineno) for w in caught} == {(Path(__file__), line)}
    old = Old(name="o", interface=INTERFACE, command="ls")
    assert (old.short_name, old.interruptible) == ("nice", True)
    assert Old.field_names == Job.field_names
    assert old.override(short_name="other").short_name == "other"


def test_a_class_body_with_both_spellings_is_refused() -> None:
    with pytest.raises(TypeError, match="'friendly_name' and 'short_name', one field"):

        class Both(Job):
            friendly_name: str = "a"
            short_name: str = "b"


def test_a_method_of_the_name_of_a_first_spelling_is_a_method() -> None:
    class Boxed(Job):
        @property
        def env(self) -> str:
            return "box"

    assert Boxed(name="b", interface=INTERFACE, command="ls").env == "box"


@pytest.mark.parametrize("first", FIRST)
def test_a_first_spelling_can_be_read_with_a_warning(first: str) -> None:
    current = FIRST_SPELLINGS[first]
    task = job(**{current: FIRST[first]})
    with pytest.warns(DeprecationWarning, match=f"'{first}'.*write '{current}'") as caught:
        assert getattr(task, first) == FIRST[first]
    assert [Path(w.filename) for w in caught] == [Path(__file__)]


def test_another_attribute_is_an_attribute_error_as_ever() -> None:
    with pytest.raises(AttributeError, match=r"'Job' object has no attribute 'freindly_name'"):
        _ = job().freindly_name


# Plain, frozen data


def test_a_task_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        job().retries = 3


def test_equal_fields_make_equal_tasks_with_equal_hashes() -> None:
    one, other = job(env_vars={"A": "1"}), job(env_vars={"A": "1"})
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize("changes", [{"name": "x"}, {"cores": 2}, {"retries": 1}])
def test_another_field_makes_another_task(changes: dict[str, Any]) -> None:
    assert job() != job(**changes)


def test_tasks_of_two_classes_are_never_equal() -> None:
    class Twin(Job):
        pass

    twin = Twin(name="t.job", interface=INTERFACE, command="ls")
    assert twin != job()


def test_a_task_can_be_hashed_whatever_its_fields_hold() -> None:
    assert len({job(env_vars={"A": "1"}), job(env_vars={"A": "2"})}) == 2


def test_a_shorthand_and_what_it_stands_for_make_equal_tasks() -> None:
    assert job(cache="auto") == job(cache=Cache("auto"))


def test_the_repr_names_the_class_the_task_and_its_type() -> None:
    assert repr(job()) == "Job(name='t.job', task_type='job')"


def test_a_task_survives_a_round_trip_through_pickle() -> None:
    task = job(
        env_vars={"A": "1"}, retries=2, secrets="key", resources=Resources(cpu=(1, 2)), timeout=5
    )
    again = pickle.loads(pickle.dumps(task))
    assert again == task
    assert hash(again) == hash(task)


def test_an_unpickled_task_has_lost_its_environment_and_kept_its_name() -> None:
    task = job()
    env = TaskEnvironment.from_task("etl", task)
    assert task.parent_env() is env
    again = pickle.loads(pickle.dumps(task))
    assert again.parent_env is None
    assert again.parent_env_name == "etl"
    assert again == task


def test_an_input_without_a_default_has_none_after_a_round_trip() -> None:
    again = pickle.loads(pickle.dumps(job()))
    assert again.interface.required_inputs() == ["n"]


def test_unset_is_one_object_that_says_its_name() -> None:
    assert repr(UNSET) == "UNSET"
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET
