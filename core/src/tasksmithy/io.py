"""Flyte's `flyte.io`, whose names are elsewhere: each says where."""

from tasksmithy._flyte_names import missing

__all__: list[str] = []


def __getattr__(name: str) -> object:
    raise missing(__name__, name)
