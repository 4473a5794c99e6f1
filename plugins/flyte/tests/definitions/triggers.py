"""Schedules."""

import datetime

import tasksmithy as sdk

env = sdk.TaskEnvironment(name="triggers", image="ghcr.io/acme/app:1.4")


@env.task(triggers=sdk.Trigger.hourly())
async def hourly() -> None: ...


@env.task(triggers=sdk.Trigger.daily("at"))
async def daily(at: datetime.datetime) -> None: ...


@env.task(
    triggers=(
        sdk.Trigger(
            name="mornings",
            automation=sdk.Cron("0 7 * * 1-5", timezone="Europe/Zurich"),
            description="Before work.",
            auto_activate=False,
            inputs={"at": sdk.TriggerTime, "n": 4},
            env_vars={"A": "1"},
            interruptible=True,
            overwrite_cache=True,
            queue="slow",
            labels={"team": "data"},
            annotations={"note": "one"},
        ),
        sdk.Trigger(
            name="often",
            automation=sdk.FixedRate(
                15,
                start_time=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
            ),
            inputs={"at": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)},
        ),
    )
)
async def scheduled(at: datetime.datetime, n: int = 1) -> None: ...
