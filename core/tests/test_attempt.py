"""One attempt as a value, made by the public function, and the run as its far side sees it."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import pickle
import queue
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import cloudpickle
import pytest

from tasksmithy import (
    Attempt,
    Host,
    InputError,
    NativeInterface,
    OutputError,
    Registry,
    Secret,
    TaskEnvironment,
    TaskTemplate,
    TaskType,
    current,
    hookimpl,
    make_attempt,
    report,
    run,
)
from tasksmithy.runtime._task_run import TaskRun
from tasksmithy.runtime.executors._conversation import Conversation
from tasksmithy.runtime.executors._far_host import FarHost, LogToHost
from tasksmithy.runtime.executors._frames import Frame, Message
from tasksmithy.runtime.executors._shipping import pack_error, packed

env = TaskEnvironment(name="a")


@env.task
def double(n: int) -> int:
    return 2 * n


@env.task(retries=5)
async def flaky(file: Path) -> int:
    with file.open("a") as attempts:
        print(current().attempt, file=attempts)
    if current().attempt < 3:
        raise ConnectionError("gone")
    return current().attempt


class Recorder:
    """A host that writes down what it is asked, and answers calls with their first input."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    async def call(self, task: Any, args: Any, kwargs: Mapping[str, Any], group: str) -> Any:
        self.asked.append(("call", task.name, args, dict(kwargs), group))
        return args[0]

    def log(self, record: logging.LogRecord) -> None:
        self.asked.append(("log", record.getMessage()))

    def report(self, tab: str, fragment: str) -> None:
        self.asked.append(("report", tab, fragment))

    def placed(self, place: str) -> None:
        self.asked.append(("placed", place))


# The value


def test_an_attempt_comes_out_of_a_pickle_as_it_went_in() -> None:
    attempt = Attempt.of(double, n=4)
    context = replace(attempt.context, run_id="r1", key="k", attempt=3, group="g")
    attempt = pickle.loads(cloudpickle.dumps(replace(attempt, context=context)))
    assert (attempt.task.name, attempt.inputs) == ("a.double", {"n": 4})
    assert attempt.context == context
    assert asyncio.run(make_attempt(attempt)) == 8


def test_an_attempt_takes_along_what_is_registered_in_code() -> None:
    class Shouting(TaskType):
        task_type = "shouting"

        @hookimpl
        async def execute(self, inputs: Mapping[str, Any]) -> str:
            return str(inputs["text"]).upper()

    task = TaskTemplate[..., Any](
        name="shout",
        task_type="shouting",
        interface=NativeInterface(inputs={"text": (str, ...)}, outputs={"o0": str}),
    )
    with Registry(task_types=[Shouting]).entered():
        shipped = cloudpickle.dumps(Attempt.of(task, text="hello"))
    assert asyncio.run(make_attempt(pickle.loads(shipped))) == "HELLO"


def test_an_attempt_of_wrong_inputs_is_refused() -> None:
    with pytest.raises(InputError, match="input 'n' is int"):
        Attempt.of(double, n="four")


# Made without a run


def test_without_a_host_one_attempt_is_made_and_its_error_is_the_task_s(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match="gone"):
        asyncio.run(make_attempt(Attempt.of(flaky, file=tmp_path / "attempts")))
    assert (tmp_path / "attempts").read_text() == "1\n"


def test_without_a_host_children_are_run_with_their_retries(tmp_path: Path) -> None:
    @env.task
    async def parent(file: Path) -> int:
        return await flaky(file)

    assert asyncio.run(make_attempt(Attempt.of(parent, file=tmp_path / "attempts"))) == 3
    assert (tmp_path / "attempts").read_text() == "1\n2\n3\n"


def test_without_a_host_the_result_is_checked() -> None:
    @env.task
    async def wrong() -> int:
        return "one"  # type: ignore[return-value]

    with pytest.raises(OutputError, match=r"it says -> int .* and returned 'one' of type str"):
        asyncio.run(make_attempt(Attempt.of(wrong)))


def test_without_a_host_secrets_are_those_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "open-sesame")

    @env.task(secrets=Secret("token"))
    async def told() -> list[str]:
        return list(current().secrets.values())

    assert asyncio.run(make_attempt(Attempt.of(told))) == ["open-sesame"]


# Made for a host


def test_what_a_task_calls_and_reports_goes_to_the_host() -> None:
    @env.task
    async def asks() -> int:
        report.tab("numbers").html("<b>4</b>")
        return await double.aio(4)

    host = Recorder()
    assert asyncio.run(make_attempt(Attempt.of(asks), host)) == 4
    assert host.asked == [
        ("report", "numbers", "<b>4</b>\n"),
        ("call", "a.double", (4,), {}, ""),
    ]


def test_a_call_is_the_run_s_child_from_a_thread_that_has_no_context() -> None:
    @env.task
    async def child() -> str:
        return f"{current().task} of {current().run_id}"

    @env.task
    async def parent() -> tuple[str, str]:
        host = cast("TaskRun", current().run)._host
        answers: queue.Queue[str] = queue.Queue()

        def elsewhere() -> None:
            answers.put(asyncio.run(host.call(child, (), {}, "")))

        bare = contextvars.Context()
        thread = threading.Thread(target=bare.run, args=(elsewhere,))
        thread.start()
        return await asyncio.to_thread(answers.get), current().run_id

    told, run_id = run(parent)
    assert told == f"a.child of {run_id}"


# Over a channel


class Queues:
    """Both ends of a channel that is no pair of sockets."""

    def __init__(self) -> None:
        self.to_run: asyncio.Queue[Frame | None] = asyncio.Queue()
        self.to_far: queue.Queue[Frame | None] = queue.Queue()
        self.loop = asyncio.get_running_loop()

    @property
    def far_end(self) -> Any:
        return _End(
            lambda frame: self.loop.call_soon_threadsafe(self.to_run.put_nowait, frame),
            self.to_far.get,
        )

    @property
    def run_end(self) -> Any:
        return _End(self.to_far.put, self.to_run.get)


class _End:
    def __init__(self, send: Any, receive: Any) -> None:
        self.send = send
        self.receive = receive


async def over_a_channel(attempt: Attempt, host: Host) -> Any:
    """The result of an attempt that a thread makes at the far end of a channel."""
    channel = Queues()

    def far_side() -> None:
        far_host = FarHost(channel.far_end)
        threading.Thread(target=far_host.listen, daemon=True).start()
        handler = LogToHost(far_host)
        logger = logging.getLogger("tasksmithy.task.a.asks")
        logger.addHandler(handler)
        try:
            result = asyncio.run(make_attempt(attempt, far_host))
            answer = Frame(Message.RESULT, 0, *packed("a", "its result", result))
        except Exception as error:
            answer = Frame(Message.ERROR, 0, pack_error(error))
        finally:
            logger.removeHandler(handler)
        far_host.send(answer)

    thread = threading.Thread(target=far_side)
    thread.start()
    conversation = Conversation(attempt, host, channel.run_end.send)
    answer = await conversation.answer(channel.run_end.receive)
    await conversation.end()
    channel.to_far.put(None)
    thread.join()
    assert answer is not None
    return conversation.result(answer)


def test_any_channel_carries_calls_logs_reports_and_the_result() -> None:
    @env.task
    async def asks() -> int:
        current().logger.warning("about to ask")
        report.tab("numbers").html("<b>4</b>")
        return await double.aio(4)

    host = Recorder()
    assert asyncio.run(over_a_channel(Attempt.of(asks), host)) == 4
    assert host.asked == [
        ("log", "about to ask"),
        ("report", "numbers", "<b>4</b>\n"),
        ("call", "a.double", (4,), {}, ""),
    ]


def test_a_conversation_runs_no_more_children_at_once_than_it_is_told() -> None:
    class Counts(Recorder):
        running = most = 0

        async def call(self, task: Any, args: Any, kwargs: Any, group: str) -> Any:
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0)
            self.running -= 1
            return await super().call(task, args, kwargs, group)

    async def calls(host: Counts) -> list[int]:
        answers: list[Frame] = []
        conversation = Conversation(Attempt.of(double, n=0), host, answers.append, at_once=2)
        for n in range(6):
            call = packed("a", "the call", (double, (n,), {}, ""))
            conversation.hear(Frame(Message.CALL, n, *call))
        conversation.hear(Frame(Message.CANCEL, 4, b""))
        while len(answers) < 5:
            await asyncio.sleep(0)
        await conversation.end()
        return sorted(answer.number for answer in answers)

    host = Counts()
    assert asyncio.run(calls(host)) == [0, 1, 2, 3, 5]
    assert host.most == 2


def test_any_channel_carries_what_an_attempt_raises() -> None:
    @env.task
    async def fails() -> None:
        raise LookupError("nothing here")

    with pytest.raises(LookupError, match="nothing here"):
        asyncio.run(over_a_channel(Attempt.of(fails), Recorder()))
