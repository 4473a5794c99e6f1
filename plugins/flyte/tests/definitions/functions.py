"""Functions, and what every task has."""

import tasksmithy as sdk

env = sdk.TaskEnvironment(name="functions", image="ghcr.io/acme/app:1.4")


@env.task
async def nothing() -> None: ...


@env.task
async def add(a: int, b: int = 1) -> int:
    return a + b


@env.task
def sync(text: str) -> str:
    return text.upper()


@env.task
async def two_outputs(a: int) -> tuple[int, str]:
    return a, str(a)


@env.task(short_name="a friendly name")
async def named(b: int, a: int) -> float:
    return a / b


@env.task(short_name="n" * 80)
async def long_name() -> None: ...


@env.task(report=True, interruptible=True, entrypoint=True)
async def marked(a: int) -> int:
    return a


@env.task(docs=sdk.Documentation(description="What it does."))
async def documented(a: int) -> int:
    return a


described = sdk.TaskEnvironment(
    name="an-environment-with-a-name-that-is-longer-than-sixty-three-letters",
    image="ghcr.io/acme/app:1.4",
    env_vars={"LEVEL": "debug", "EMPTY": ""},
    interruptible=True,
    queue="gpu",
)


@described.task
async def in_environment() -> int:
    return 1


@described.task(interruptible=False)
async def against_environment() -> int:
    return 1


explained = sdk.TaskEnvironment(
    name="explained", image="ghcr.io/acme/app:1.4", description="Of the daily report."
)


@explained.task
async def of_the_report() -> None:
    """Make the report.

    It has a page for each carrier.
    """
