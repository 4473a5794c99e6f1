"""Where runs are told of, and what they are a part of."""

from __future__ import annotations

import os
from functools import cache

from opentelemetry import metrics, trace
from opentelemetry.context import Context, get_current
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import ProxyTracerProvider, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator


def outer_context() -> Context:
    """The context in which a run begins."""
    here = get_current()
    if trace.get_current_span(here).get_span_context().is_valid:
        return here
    carrier = {name: os.environ.get(name.upper(), "") for name in ("traceparent", "tracestate")}
    return TraceContextTextMapPropagator().extract(carrier, here)


def providers(
    tracers: TracerProvider | None, meters: MeterProvider | None
) -> tuple[TracerProvider, MeterProvider]:
    """What is given, those of the program, or, where it has not set up any, our own."""
    is_given = tracers is not None or meters is not None
    if not is_given and isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
        return _own_providers()
    return tracers or trace.get_tracer_provider(), meters or metrics.get_meter_provider()


@cache
def _own_providers() -> tuple[TracerProvider, MeterProvider]:
    """They export in threads of their own, and what is left when the process ends."""
    named = Resource.create({SERVICE_NAME: "tasksmithy"})
    resource = named.merge(OTELResourceDetector().detect())  # the variables have the last word
    tracers = SdkTracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    return tracers, SdkMeterProvider([reader], resource=resource)
