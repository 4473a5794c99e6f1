"""Containers that are kept."""

from datetime import timedelta

import tasksmithy as sdk

plain_env = sdk.TaskEnvironment(
    name="reuse",
    image="ghcr.io/acme/app:1.4",
    reusable=sdk.ReusePolicy(replicas=3, idle_ttl=60, scaledown_ttl=45),
)
range_env = sdk.TaskEnvironment(
    name="reuse-range",
    image="ghcr.io/acme/app:1.4",
    env_vars={"A": "1"},
    secrets="api-key",
    resources=sdk.Resources(cpu=1, memory="1Gi"),
    reusable=sdk.ReusePolicy(
        replicas=(1, 5),
        concurrency=4,
        idle_ttl=timedelta(minutes=5),
        scaledown_ttl=timedelta(minutes=1),
    ),
)
scoped_env = sdk.TaskEnvironment(
    name="reuse-in-run",
    image="ghcr.io/acme/app:1.4",
    reusable=sdk.ReusePolicy(replicas=2, idle_ttl=30, scaledown_ttl=30, scope="run"),
)


@plain_env.task
async def kept(a: int) -> int:
    return a


@range_env.task
async def kept_range(a: int) -> int:
    return a


@scoped_env.task
async def kept_in_run(a: int) -> int:
    return a
