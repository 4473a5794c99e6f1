"""Data frames."""

from collections import OrderedDict
from typing import Annotated

import pandas as pd

import tasksmithy as sdk

env = sdk.TaskEnvironment(name="frames", image="ghcr.io/acme/app:1.4")


@env.task
async def frame(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


@env.task
async def frames(rows: list[pd.DataFrame]) -> int:
    return len(rows)


@env.task
async def columns(
    rows: Annotated[pd.DataFrame, OrderedDict(carrier=str, delay=float), "parquet"],
) -> None: ...
