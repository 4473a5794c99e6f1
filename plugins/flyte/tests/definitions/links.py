"""Links."""

import tasksmithy as sdk
from tasksmithy import Link

env = sdk.TaskEnvironment(name="links", image="ghcr.io/acme/app:1.4")


@env.task(links=Link(name="logs", uri="https://logs.example.com/{{.podName}}"))
async def linked() -> None: ...
