"""The worker, started as the rendered arguments say, with the placeholders filled in."""

import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from flyteidl2.core import execution_pb2, literals_pb2
from flyteidl2.task import common_pb2

from tasksmithy import CodeBundle, NativeInterface, PodTemplate, SerializationContext, serialize
from tasksmithy.extend import load_module
from tasksmithy_flyte import message_of
from tasksmithy_flyte.literals import json_value, literal
from tasksmithy_sql import SQLTask

SOURCE = '''
"""Tasks for a cluster."""

import sys
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from tasksmithy import File, NonRecoverableError, Secret, TaskEnvironment, current

env = TaskEnvironment(name="boxed", image="ghcr.io/acme/app:1.4", secrets=Secret("token"))


@dataclass
class Flight:
    carrier: str
    day: date


@env.task(retries=5)
def late(flight: Flight, minutes: list[int] = [5]) -> tuple[str, int]:
    return f"{flight.carrier} {flight.day}", sum(minutes)


@env.task
async def parent(n: int) -> int:
    return await helper(n)


@env.task
async def helper(n: int) -> int:
    return 2 * n


@env.task
def written(text: str) -> File:
    Path("page.txt").write_text(text)
    return File("page.txt")


@dataclass
class Book:
    title: str
    pages: list[File]


@env.task
def book() -> Book:
    Path("page.txt").write_text("a page")
    return Book("b", [File("page.txt")])


@env.task
def read(file: File) -> str:
    return file.read_text()


@env.task
def raw(data: bytes) -> bytes:
    return data[::-1]


@env.task
def where() -> list[str]:
    return [current().run_id, current().key, current().task]


@env.task(retries=5)
def fails(how: str) -> None:
    if how == "definite":
        raise NonRecoverableError("never again")
    if how == "exit":
        sys.exit(7)
    raise ValueError(f"no {current().secrets[Secret('token')]} today")


@env.task
def wrong() -> int:
    return "one"


@env.task
def at(moment: datetime) -> str:
    return moment.isoformat()
'''


STRANGER = """
from tasksmithy import TaskTemplate, TaskType, hookimpl, task_field


class ShoutTask(TaskTemplate, task_type="shout"):
    marks: int = task_field(default=1)


class ShoutType(TaskType):
    template = ShoutTask

    @hookimpl
    async def execute(self, task, inputs):
        return inputs["text"].upper() + "!" * task.marks
"""


@dataclass
class Ended:
    """What an attempt has left behind."""

    code: int
    err: str
    folder: Path

    @property
    def outputs(self) -> common_pb2.Outputs:
        return common_pb2.Outputs.FromString((self.folder / "outputs.pb").read_bytes())

    @property
    def error(self) -> execution_pb2.ContainerError:
        content = (self.folder / "error.pb").read_bytes()
        return execution_pb2.ErrorDocument.FromString(content).error


class Cluster:
    """A folder in which tasks are run, as a cluster would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module = f"boxed_{folder.name}"  # each test has one of its own
        (folder / f"{self.module}.py").write_text(SOURCE)
        self.source = load_module(self.module)

    def spec(self, name: str, **context):
        return serialize(getattr(self.source, name), SerializationContext(**context))

    def args(self, name: str, **context) -> list[str]:
        spec = self.spec(name, version="v1", **context)
        message = message_of(spec, SerializationContext(version="v1", **context))
        return [self.filled.get(arg, arg) for arg in message.task_template.container.args]

    @property
    def filled(self) -> dict[str, str]:
        """What the cluster fills in."""
        return {
            "{{.input}}": str(self.folder / "inputs.pb"),
            "{{.taskTemplatePath}}": str(self.folder / "task.pb"),
            "{{.outputPrefix}}": str(self.folder / "out"),
            "{{.rawOutputDataPrefix}}": str(self.folder / "raw"),
            "{{.checkpointOutputPrefix}}": str(self.folder / "checkpoint"),
            "{{.prevCheckpointPrefix}}": "",
            "{{.runName}}": "r7",
            "{{.actionName}}": "a3",
            "{{.runStartTime}}": "2026-01-02T03:04:05Z",
        }

    def inputs(self, name: str, given: dict) -> common_pb2.Inputs:
        kinds = {each["name"]: each["type"] for each in self.spec(name).interface["inputs"]}
        return common_pb2.Inputs(
            literals=[
                common_pb2.NamedLiteral(
                    name=key,
                    value=value
                    if isinstance(value, literals_pb2.Literal)
                    else literal(kinds[key], value),
                )
                for key, value in given.items()
            ]
        )

    def run(self, name: str, *, cwd: Path | None = None, context: dict | None = None, **given):
        message = self.inputs(name, given)
        (self.folder / "inputs.pb").write_bytes(message.SerializeToString())
        return self.start(self.args(name, **(context or {})), cwd)

    def run_by_template(self, task, given: dict) -> dict:
        """Run a task as its container is started, and give its outputs."""
        message = message_of(serialize(task))
        template = message.task_template
        if template.HasField("k8s_pod"):
            args = list(template.k8s_pod.pod_spec["containers"][0]["args"])
        else:
            args = list(template.container.args)
        spec = serialize(task)
        kinds = {each["name"]: each["type"] for each in spec.interface["inputs"]}
        inputs = common_pb2.Inputs()
        for name, value in given.items():
            inputs.literals.add(name=name, value=literal(kinds[name], value))
        (self.folder / "inputs.pb").write_bytes(inputs.SerializeToString())
        (self.folder / "task.pb").write_bytes(template.SerializeToString())
        ended = self.start([self.filled.get(arg, arg) for arg in args])
        kinds = {each["name"]: each["type"] for each in spec.interface["outputs"]}
        assert ended.code == 0, ended.err
        assert (ended.folder / "outputs.pb").exists(), ended.err
        return {
            each.name: json_value(kinds[each.name], each.value) for each in ended.outputs.literals
        }

    def start(self, args: list[str], cwd: Path | None = None) -> Ended:
        program = Path(sys.executable).with_name(args[0])
        done = subprocess.run(
            [program, *args[1:]],
            cwd=cwd or self.folder,
            env={**os.environ, "TOKEN": "gh0st-in-the-machine"},
            capture_output=True,
            text=True,
        )
        return Ended(done.returncode, done.stderr, self.folder / "out")

    def values(self, name: str, ended: Ended) -> dict:
        kinds = {each["name"]: each["type"] for each in self.spec(name).interface["outputs"]}
        assert ended.code == 0, ended.err
        return {
            each.name: json_value(kinds[each.name], each.value) for each in ended.outputs.literals
        }


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Cluster(tmp_path)


def test_the_outputs_of_a_function_are_where_the_cluster_looks_for_them(cluster):
    ended = cluster.run("late", flight={"carrier": "AA", "day": "2026-01-02"}, minutes=[3, 4])

    assert cluster.values("late", ended) == {"o0": "AA 2026-01-02", "o1": 7}


def test_an_input_that_is_not_given_has_its_default(cluster):
    ended = cluster.run("late", flight={"carrier": "AA", "day": "2026-01-02"})

    assert cluster.values("late", ended)["o1"] == 5


def test_the_tasks_that_a_task_calls_run_in_the_container(cluster):
    assert cluster.values("parent", cluster.run("parent", n=4)) == {"o0": 8}


def test_a_file_is_left_under_the_prefix_for_raw_data(cluster):
    ended = cluster.run("written", text="a page")
    url = cluster.values("written", ended)["o0"]

    assert Path(url).is_relative_to(cluster.folder / "raw")
    assert Path(url).read_text() == "a page"
    assert cluster.values("read", cluster.run("read", file=url)) == {"o0": "a page"}


def test_a_file_in_a_record_is_left_there_too(cluster):
    found = cluster.values("book", cluster.run("book"))["o0"]

    assert found["title"] == "b"
    assert Path(found["pages"][0]).is_relative_to(cluster.folder / "raw")


def test_a_query_is_made_from_its_message_and_run(cluster):
    query = SQLTask(
        name="squares",
        query="select cast(sum(n * n) as integer) from range(:stop) t(n)",
        inputs={"stop": int},
        output=int,
        image="ghcr.io/acme/sql:1",
        pod_template=PodTemplate(),  # else the cluster is told the query alone
    )

    assert cluster.run_by_template(query, {"stop": 4}) == {"o0": 14}


def test_a_task_of_a_strangers_type_is_made_from_its_message_and_run(cluster, monkeypatch):
    info = cluster.folder / "acme_shout-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-shout\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[tasksmithy.task_types.v1]\nshout = acme_shout:ShoutType\n"
    )
    (cluster.folder / "acme_shout.py").write_text(STRANGER)
    template = load_module("acme_shout").ShoutTask
    task = template(
        name="hey",
        marks=3,
        interface=NativeInterface.from_types({"text": str}, {"o0": str}),
        image="ghcr.io/acme/shout:1",
    )

    assert cluster.run_by_template(task, {"text": "hey"}) == {"o0": "HEY!!!"}


def test_bytes_are_bytes(cluster):
    import msgpack

    binary = literals_pb2.Binary(value=msgpack.packb(b"\xff\x00"), tag="msgpack")
    given = literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=binary))
    ended = cluster.run("raw", data=given)

    assert ended.code == 0, ended.err
    assert msgpack.unpackb(ended.outputs.literals[0].value.scalar.binary.value) == b"\x00\xff"


def test_the_context_has_the_names_of_the_run_and_of_the_action(cluster):
    ended = cluster.run("where")

    assert cluster.values("where", ended) == {"o0": ["r7", "a3", "boxed.where"]}


def test_a_failure_is_a_document_and_the_program_ends_well(cluster):
    ended = cluster.run("fails", how="")

    assert ended.code == 0
    assert not (ended.folder / "outputs.pb").exists()
    assert (ended.error.code, ended.error.origin) == (
        "ValueError",
        execution_pb2.ExecutionError.USER,
    )
    assert ended.error.kind == execution_pb2.ContainerError.RECOVERABLE
    assert "in fails" in ended.error.message


def test_no_document_has_a_secret(cluster):
    ended = cluster.run("fails", how="")

    assert "ValueError: no *** today" in ended.error.message
    assert "gh0st" not in ended.error.message + ended.err


def test_a_task_that_fails_for_good_is_not_tried_again(cluster):
    ended = cluster.run("fails", how="definite")

    assert ended.error.kind == execution_pb2.ContainerError.NON_RECOVERABLE
    assert ended.error.message == "never again"


def test_one_attempt_is_made(cluster):
    ended = cluster.run("fails", how="")

    assert ended.err.count("ValueError: no *** today") == 1


def test_a_task_that_ends_the_program_has_failed(cluster):
    assert cluster.run("fails", how="exit").error.code != ""


def test_a_result_is_checked(cluster):
    assert cluster.run("wrong").error.code == "OutputError"


def test_inputs_that_do_not_fit_are_named(cluster):
    text = literal({"kind": "string"}, "x")

    ended = cluster.run("parent", n=text)

    assert ended.error.code == "InputError"
    assert ended.error.kind == execution_pb2.ContainerError.NON_RECOVERABLE
    assert "input 'n': integer is wanted, and the literal has string_value" in ended.error.message


def test_an_input_that_the_task_has_not_is_named(cluster):
    message = cluster.inputs("parent", {"n": 1})
    message.literals.add(name="m", value=message.literals[0].value)
    (cluster.folder / "inputs.pb").write_bytes(message.SerializeToString())

    ended = cluster.start(cluster.args("parent"))

    assert "there is no input 'm'" in ended.error.message


@pytest.mark.parametrize("content", [None, b"\xff\xff\xff"])
def test_inputs_that_cannot_be_read_are_named(cluster, content):
    file = cluster.folder / "inputs.pb"
    if content is not None:
        file.write_bytes(content)

    ended = cluster.start(cluster.args("where"))

    assert ended.error.code == "SourceError"
    assert str(file) in ended.error.message


def test_the_code_is_unpacked_where_it_is_to_be(cluster, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    archive = elsewhere / "code.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(cluster.folder / f"{cluster.module}.py", f"{cluster.module}.py")
    bundle = CodeBundle(tgz=archive.as_uri(), destination=str(elsewhere / "code"))

    ended = cluster.run("parent", cwd=elsewhere, context={"code_bundle": bundle}, n=4)

    assert cluster.values("parent", ended) == {"o0": 8}


def test_pickled_code_is_refused(cluster):
    ended = cluster.run("where", context={"code_bundle": CodeBundle(pkl="s3://b/task.pkl")})

    assert "the pickled code in s3://b/task.pkl is not read" in ended.error.message


def test_the_moment_of_the_run_is_the_input_that_a_trigger_names_for_it(cluster):
    message = common_pb2.Inputs()
    message.context.add(key="_u_kickoff_time_input_arg", value="moment")
    (cluster.folder / "inputs.pb").write_bytes(message.SerializeToString())

    ended = cluster.start(cluster.args("at"))

    assert cluster.values("at", ended) == {"o0": "2026-01-02T03:04:05+00:00"}


def test_where_no_document_can_be_written_the_program_fails(cluster):
    (cluster.folder / "out").write_text("a file in the place of the folder")

    ended = cluster.run("where")

    assert ended.code == 1
    assert "outputs.pb cannot be written" in ended.err
