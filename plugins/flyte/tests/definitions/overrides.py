"""Tasks that differ from others."""

from datetime import timedelta

import tasksmithy as sdk

env = sdk.TaskEnvironment(
    name="overrides",
    image="ghcr.io/acme/app:1.4",
    resources=sdk.Resources(cpu=1, memory="1Gi"),
    env_vars={"A": "1"},
)


@env.task(retries=1, timeout=10)
async def _base(a: int) -> int:
    return a


bigger = _base.override(resources=sdk.Resources(cpu=8, memory="32Gi", gpu="H100:1"))
patient = _base.override(retries=9, timeout=timedelta(hours=1))
renamed = _base.override(short_name="another name")
elsewhere = _base.override(env_vars={"B": "2"}, interruptible=True, secrets="api-key")
in_pod = _base.override(pod_template=sdk.PodTemplate(labels={"team": "data"}))
cached = _base.override(cache=sdk.Cache(behavior="override", version_override="1"))
