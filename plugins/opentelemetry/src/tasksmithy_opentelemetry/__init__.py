"""Observer `opentelemetry`: runs as traces and metrics of OpenTelemetry."""

from tasksmithy_opentelemetry.observer import OpenTelemetry

__version__ = "0.1.0"

__all__ = ["OpenTelemetry", "__version__"]
