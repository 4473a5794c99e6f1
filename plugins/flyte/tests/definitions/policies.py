"""Cache, retries, timeouts and secrets."""

from datetime import timedelta

import tasksmithy as sdk

env = sdk.TaskEnvironment(name="policies", image="ghcr.io/acme/app:1.4")
secret_env = sdk.TaskEnvironment(
    name="secrets",
    image="ghcr.io/acme/app:1.4",
    secrets=[
        "api-key",
        sdk.Secret(key="password", group="db"),
        sdk.Secret(key="token", as_env_var="TOKEN"),
        sdk.Secret(key="certificate", mount="/etc/flyte/secrets"),
    ],
)
one_secret_env = sdk.TaskEnvironment(
    name="one-secret", image="ghcr.io/acme/app:1.4", secrets="api-key"
)


@env.task(cache="auto")
async def cached(a: int) -> int:
    return a


@env.task(cache=sdk.Cache(behavior="override", version_override="v7", serialize=True))
async def cached_version(a: int) -> int:
    return a


@env.task(
    cache=sdk.Cache(
        behavior="override",
        version_override="v7",
        ignored_inputs=("b", "c"),
        max_age=timedelta(hours=1),
    )
)
async def cached_ignoring(a: int, b: int, c: int) -> int:
    return a


@env.task(retries=3)
async def retried() -> None: ...


@env.task(
    retries=sdk.RetryStrategy(
        count=5,
        backoff=sdk.Backoff(base=timedelta(seconds=10), factor=2.0, cap=timedelta(minutes=5)),
    )
)
async def backing_off() -> None: ...


@env.task(retries=sdk.RetryStrategy(count=2, backoff=sdk.Backoff(base=timedelta(seconds=1.5))))
async def pausing() -> None: ...


@env.task(timeout=60)
async def limited() -> None: ...


@env.task(timeout=timedelta(minutes=2, milliseconds=5))
async def limited_exactly() -> None: ...


@env.task(
    timeout=sdk.Timeout(
        max_runtime=timedelta(minutes=1),
        max_queued_time=timedelta(minutes=2),
        deadline=timedelta(hours=1),
    )
)
async def limited_thrice() -> None: ...


@env.task(timeout=sdk.Timeout(max_runtime=0, max_queued_time=30))
async def limited_in_queue() -> None: ...


@secret_env.task
async def secrets() -> None: ...


@one_secret_env.task
async def one_secret() -> None: ...


both_env = sdk.TaskEnvironment(
    name="secret-twice",
    image="ghcr.io/acme/app:1.4",
    secrets=[sdk.Secret(key="token", mount="/etc/flyte/secrets", as_env_var="TOKEN")],
)


@both_env.task
async def secret_twice() -> None: ...
