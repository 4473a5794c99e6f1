"""Flyte's `flyte.connectors`, which is not here: each of its names says what to use."""

from tasksmithy._flyte_names import missing

__all__: list[str] = []


def __getattr__(name: str) -> object:
    raise missing(__name__, name)
