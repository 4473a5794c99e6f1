"""What the message of one function task costs, beside the one that Flyte 2 makes of it.

python benchmarks/bench_flyte.py
"""

from __future__ import annotations

import os
import time
import timeit
from collections.abc import Callable
from pathlib import Path

import tasksmithy
from tasksmithy_flyte import message_of

os.environ["DO_NOT_TRACK"] = "1"

import flyte
from flyte.extras import serialize
from flyte.models import SerializationContext

MESSAGES = 100
REPEATS = 15

ours = tasksmithy.TaskEnvironment(
    name="bench",
    image="ghcr.io/acme/bench:1",
    resources=tasksmithy.Resources(cpu=1, memory="1Gi"),
)
theirs = flyte.TaskEnvironment(
    name="bench", image="ghcr.io/acme/bench:1", resources=flyte.Resources(cpu=1, memory="1Gi")
)


async def function(month: int, carrier: str = "AA") -> list[int]:
    return [month, len(carrier)]


OUR_TASK = ours.task(retries=2)(function)
THEIR_TASK = theirs.task(retries=2)(function)
DEPLOYMENT = tasksmithy.SerializationContext(version="v1", project="p", domain="d")
SPEC = tasksmithy.serialize(OUR_TASK, DEPLOYMENT)
ROOT = Path(__file__).parent

WAYS: dict[str, Callable[[], bytes]] = {
    "tasksmithy, a spec to protobuf": lambda: message_of(SPEC, DEPLOYMENT).SerializeToString(),
    "tasksmithy, a task to protobuf": lambda: message_of(
        tasksmithy.serialize(OUR_TASK, DEPLOYMENT), DEPLOYMENT
    ).SerializeToString(),
    "flyte, a task to protobuf": lambda: serialize(
        THEIR_TASK,
        SerializationContext(version="v1", project="p", domain="d", root_dir=ROOT),
    ).SerializeToString(),
}


def main() -> None:
    best = dict.fromkeys(WAYS, float("inf"))
    for _ in range(REPEATS):  # in turn, so that a busy machine moves all
        for name, way in WAYS.items():
            taken = timeit.timeit(way, number=MESSAGES, timer=time.process_time) / MESSAGES
            best[name] = min(best[name], taken)
    for name, seconds in best.items():
        print(f"{name:32} {seconds * 1e6:7.0f} us")


if __name__ == "__main__":
    main()
