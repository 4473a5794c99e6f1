"""The observer `opentelemetry`, with the SDK, and with an OTLP receiver that runs."""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tasksmithy import (
    NonRecoverableError,
    Secret,
    TaskEnvironment,
    current,
    group,
    with_runcontext,
)
from tasksmithy_opentelemetry import OpenTelemetry

env = TaskEnvironment(name="t")
begun = asyncio.Event()


@env.task
async def leaf(n: int) -> int:
    return n


@env.task
def threaded(n: int) -> int:
    return leaf(n)


@env.task
async def grouped() -> int:
    with group("g"):
        return sum(await asyncio.gather(leaf(1), threaded.aio(2)))


@env.task(retries=1)
async def second_time() -> int:
    if current().attempt == 1:
        raise ConnectionError("away")
    return await leaf(3)


@env.task
async def broken() -> int:
    raise NonRecoverableError("row 7")


@env.task
async def lets_through() -> int:
    return await broken()


@env.task(cache="auto")
async def kept(n: int) -> int:
    return n


@env.task
async def waits() -> None:
    begun.set()
    await asyncio.Event().wait()


@env.task
async def cancels() -> None:
    waiting = asyncio.ensure_future(waits())
    await begun.wait()
    waiting.cancel()
    await asyncio.wait([waiting])


@env.task(secrets=Secret("TOKEN"))
async def tells() -> None:
    [token] = current().secrets.values()
    raise NonRecoverableError(f"refused: {token}")


class Told:
    """The spans and metrics of what an observer is told."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._meters = MeterProvider([self._reader])

    def observer(self) -> OpenTelemetry:
        return OpenTelemetry(self.provider, self._meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> ReadableSpan:
        [span] = [span for span in self.spans if span.name == name]
        return span

    def tree(self) -> set[str]:
        """Each span with those above it."""
        spans = {span.context.span_id: span for span in self.spans if span.context}

        def path(span: ReadableSpan) -> str:
            above = "" if span.parent is None else path(spans[span.parent.span_id]) + " > "
            return above + span.name

        return {path(span) for span in spans.values()}

    def counts(self) -> dict[str, dict[tuple[Any, ...], int]]:
        """How often each duration was recorded, by task and outcome."""
        data = self._reader.get_metrics_data()
        assert data is not None
        [scope] = data.resource_metrics[0].scope_metrics
        return {
            metric.name: {
                (
                    point.attributes["tasksmithy.task.name"],
                    point.attributes["tasksmithy.outcome"],
                ): (point.count)
                for point in metric.data.data_points
            }
            for metric in scope.metrics
        }


@pytest.fixture
def told() -> Told:
    return Told()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return {
        name.removeprefix("tasksmithy."): value for name, value in (span.attributes or {}).items()
    }


def test_a_call_hangs_below_the_attempt_that_made_it(told: Told) -> None:
    with_runcontext(observers=[told.observer()]).run(grouped)
    above = "run t.grouped > t.grouped > attempt t.grouped"
    inner = f"{above} > t.threaded > attempt t.threaded"
    assert told.tree() == {
        "run t.grouped",
        "run t.grouped > t.grouped",
        above,
        f"{above} > t.leaf",
        f"{above} > t.leaf > attempt t.leaf",
        f"{above} > t.threaded",
        inner,
        f"{inner} > t.leaf",
        f"{inner} > t.leaf > attempt t.leaf",
    }


def test_a_span_lasts_from_the_event_that_begins_it_to_the_one_that_ends_it(told: Told) -> None:
    with_runcontext(observers=[told.observer()]).run(leaf, 1)
    whole, call, attempt = (told.named(n) for n in ("run t.leaf", "t.leaf", "attempt t.leaf"))
    times = [span.start_time for span in (whole, call, attempt)]
    times += [span.end_time for span in (attempt, call, whole)]
    assert times == sorted(times, key=lambda time: time or 0)


def test_spans_say_which_run_task_call_and_attempt_they_are_of(told: Told) -> None:
    with_runcontext(observers=[told.observer()]).run(grouped)
    whole = attributes(told.named("run t.grouped"))
    run_id = whole.pop("run.id")
    assert whole == {"task.name": "t.grouped", "task.type": "python", "outcome": "succeeded"}
    call = attributes(told.named("t.threaded"))
    assert call.pop("execution.key")
    assert call == {
        "run.id": run_id,
        "task.name": "t.threaded",
        "task.type": "python",
        "group": "g",
        "outcome": "succeeded",
    }
    attempt = attributes(told.named("attempt t.threaded"))
    assert (attempt["run.id"], attempt["attempt"], attempt["executor"]) == (run_id, 1, "loop")


def test_each_attempt_has_a_span_and_its_calls_below_it(told: Told) -> None:
    with_runcontext(observers=[told.observer()]).run(second_time)
    first, second = (s for s in told.spans if s.name == "attempt t.second_time")
    assert attributes(first)["outcome"] == "failed"
    assert attributes(first)["error.type"] == "ConnectionError"
    assert (first.status.status_code, first.status.description) == (
        StatusCode.ERROR,
        "ConnectionError: away",
    )
    assert attributes(second)["outcome"] == "succeeded"
    assert told.named("t.leaf").parent == second.context
    call = told.named("t.second_time")
    assert [event.name for event in call.events] == ["retry"]
    assert call.status.status_code is StatusCode.UNSET


def test_the_exception_is_told_where_it_was_raised_first(told: Told) -> None:
    with pytest.raises(NonRecoverableError):
        with_runcontext(observers=[told.observer()]).run(lets_through)
    [event] = told.named("t.broken").events
    assert event.attributes is not None
    assert event.attributes["exception.type"] == "tasksmithy.errors.NonRecoverableError"
    assert event.attributes["exception.message"] == "NonRecoverableError: row 7"
    assert 'raise NonRecoverableError("row 7")' in str(event.attributes["exception.stacktrace"])
    for name in ("t.lets_through", "attempt t.lets_through", "run t.lets_through"):
        span = told.named(name)
        assert not span.events
        assert span.status.status_code is StatusCode.ERROR
        assert attributes(span)["error.type"] == "tasksmithy.errors.NonRecoverableError"


def test_a_call_that_was_cancelled_is_no_error(told: Told) -> None:
    with_runcontext(observers=[told.observer()]).run(cancels)
    span = told.named("t.waits")
    assert attributes(span)["outcome"] == "cancelled"
    assert span.status.status_code is StatusCode.UNSET


def test_a_result_of_the_cache_has_no_attempt(told: Told, tmp_path: Path) -> None:
    with_runcontext(cache_dir=tmp_path).run(kept, 1)
    with_runcontext(cache_dir=tmp_path, observers=[told.observer()]).run(kept, 1)
    assert told.tree() == {"run t.kept", "run t.kept > t.kept"}
    assert attributes(told.named("t.kept"))["outcome"] == "cached"


def test_a_secret_is_in_no_span(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "sup3rs3cret-0123")
    with pytest.raises(NonRecoverableError):
        with_runcontext(observers=[told.observer()]).run(tells)
    assert len(told.spans) == 3
    assert "refused" in str([span.to_json() for span in told.spans])
    assert "sup3rs3cret" not in str([span.to_json() for span in told.spans])


def test_durations_are_counted_by_task_and_outcome(told: Told) -> None:
    observer = told.observer()
    with_runcontext(observers=[observer]).run(grouped)
    with_runcontext(observers=[observer]).run(second_time)
    counts = told.counts()
    assert counts["tasksmithy.run.duration"] == {
        ("t.grouped", "succeeded"): 1,
        ("t.second_time", "succeeded"): 1,
    }
    assert counts["tasksmithy.execution.duration"][("t.leaf", "succeeded")] == 3
    attempts = counts["tasksmithy.attempt.duration"]
    assert attempts[("t.second_time", "failed")] == attempts[("t.second_time", "succeeded")] == 1


def test_runs_at_once_may_share_an_observer(told: Told) -> None:
    observer = told.observer()
    threads = [
        threading.Thread(target=with_runcontext(observers=[observer]).run, args=(grouped,))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told.spans) == 4 * 9
    for span in told.spans:
        ids = {
            attributes(s)["run.id"]
            for s in told.spans
            if s.context.trace_id == (span.context.trace_id)
        }
        assert ids == {attributes(span)["run.id"]}


def test_a_run_is_a_child_of_the_span_in_which_it_begins(told: Told) -> None:
    with told.provider.get_tracer("program").start_as_current_span("nightly"):
        with_runcontext(observers=[told.observer()]).run(leaf, 1)
    assert "nightly > run t.leaf > t.leaf > attempt t.leaf" in told.tree()


def test_a_run_is_a_child_of_the_span_that_the_environment_names(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", f"00-{'a' * 32}-{'b' * 16}-01")
    with_runcontext(observers=[told.observer()]).run(leaf, 1)
    span = told.named("run t.leaf")
    assert span.parent is not None
    assert (span.parent.trace_id, span.parent.span_id) == (int("a" * 32, 16), int("b" * 16, 16))


def test_a_traceparent_that_cannot_be_read_is_none(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", "yesterday")
    with_runcontext(observers=[told.observer()]).run(leaf, 1)
    assert told.named("run t.leaf").parent is None


def test_an_observer_that_has_heard_the_end_of_a_run_keeps_nothing_of_it(told: Told) -> None:
    observer = told.observer()
    with_runcontext(observers=[observer]).run(grouped)
    with pytest.raises(NonRecoverableError):
        with_runcontext(observers=[observer]).run(lets_through)
    with_runcontext(observers=[observer]).run(cancels)
    assert not observer._begun


class Receiver(ThreadingHTTPServer):
    """An OTLP receiver on loopback, as a collector is one."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.metrics: list[str] = []
        self.services: set[str] = set()
        super().__init__(("127.0.0.1", 0), Answers)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.server.services |= {
                    fact.value.string_value
                    for fact in resource.resource.attributes
                    if fact.key == "service.name"
                }
                for scope in resource.scope_spans:
                    self.server.spans += scope.spans
        else:
            for metered in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for kinds in metered.scope_metrics:
                    self.server.metrics += [metric.name for metric in kinds.metrics]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


PIPELINE = """
from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="p")

@env.task
def double(n: int) -> int:
    return 2 * n

@env.task
async def main(n: int = 3) -> int:
    return await double.aio(n)
"""


def command(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a pipeline of a project that enables the observer."""
    (folder / "pyproject.toml").write_text('[tool.tasksmithy]\nobservers = ["opentelemetry"]\n')
    (folder / "pipeline.py").write_text(PIPELINE)
    unset = {"OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "TRACEPARENT"}
    return subprocess.run(
        [sys.executable, "-m", "tasksmithy", "run", "pipeline.py", "main"],
        cwd=folder,
        env={**{k: v for k, v in os.environ.items() if k not in unset}, **variables},
        capture_output=True,
        text=True,
    )


def test_a_command_exports_by_the_variables_of_opentelemetry(
    tmp_path: Path, receiver: Receiver
) -> None:
    done = command(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert (done.returncode, done.stdout) == (0, "6\n"), done.stderr
    assert {span.name for span in receiver.spans} == {
        *("run p.main", "p.main", "attempt p.main", "p.double", "attempt p.double"),
    }
    assert len({span.trace_id for span in receiver.spans}) == 1
    assert {"tasksmithy.run.duration", "tasksmithy.attempt.duration"} <= {*receiver.metrics}
    assert receiver.services == {"tasksmithy"}


@pytest.mark.parametrize(
    "variables",
    [{"OTEL_SERVICE_NAME": "nightly"}, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=nightly"}],
)
def test_the_name_of_the_service_is_that_of_the_environment(
    tmp_path: Path, receiver: Receiver, variables: dict[str, str]
) -> None:
    done = command(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **variables)
    assert done.returncode == 0, done.stderr
    assert receiver.services == {"nightly"}


def test_the_plugin_is_well(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tasksmithy", "plugins", "doctor"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "opentelemetry" not in done.stdout, done.stdout


def test_a_receiver_that_is_away_costs_no_result(tmp_path: Path) -> None:
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    done = command(tmp_path, **away)
    assert (done.returncode, done.stdout) == (0, "6\n"), done.stderr


def test_a_program_that_has_set_up_opentelemetry_exports_where_it_says(tmp_path: Path) -> None:
    program = """
        import pipeline
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from tasksmithy import run

        spans = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        trace.set_tracer_provider(provider)
        run(pipeline.main)
        print(len(spans.get_finished_spans()))
    """
    (tmp_path / "program.py").write_text(textwrap.dedent(program))
    (tmp_path / "pyproject.toml").write_text('[tool.tasksmithy]\nobservers = ["opentelemetry"]\n')
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "5\n"), done.stderr
