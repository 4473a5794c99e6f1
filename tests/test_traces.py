"""The spans of a pipeline hang together, whoever makes its attempts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tasksmithy import TaskEnvironment
from tasksmithy_opentelemetry import OpenTelemetry

env = TaskEnvironment(name="t")


@env.task
async def leaf(n: int) -> int:
    return n


@env.task
def calls(n: int) -> int:
    return leaf(n)


@env.task
async def main() -> int:
    return await calls.aio(1) + await leaf(2)


@pytest.mark.parametrize(
    "executor",
    ["here", *(pytest.param(name, marks=pytest.mark.slow) for name in ("process", "ray"))],
)
def test_a_call_hangs_below_its_caller_wherever_both_are_made(on: Callable[..., Any]) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    assert on(observers=[OpenTelemetry(provider)]).run(main) == 3
    spans = {span.context.span_id: span for span in exporter.get_finished_spans()}

    def path(span: Any) -> str:
        return (path(spans[span.parent.span_id]) + " > " if span.parent else "") + span.name

    above = "run t.main > t.main > attempt t.main"
    inner = f"{above} > t.calls > attempt t.calls"
    assert sorted(map(path, spans.values())) == sorted(
        [
            *("run t.main", "run t.main > t.main", above),
            *(f"{above} > t.leaf", f"{above} > t.leaf > attempt t.leaf"),
            *(f"{above} > t.calls", inner),
            *(f"{inner} > t.leaf", f"{inner} > t.leaf > attempt t.leaf"),
        ]
    )
