"""Resources and accelerators."""

import tasksmithy as sdk


def _env(name: str, resources: sdk.Resources) -> sdk.TaskEnvironment:
    return sdk.TaskEnvironment(name=name, image="ghcr.io/acme/app:1.4", resources=resources)


cpu_env = _env("cpu", sdk.Resources(cpu=2))
half_env = _env("half", sdk.Resources(cpu=0.5, memory="1Gi"))
range_env = _env("range", sdk.Resources(cpu=(1, 4), memory=("1Gi", "4Gi")))
all_env = _env("all", sdk.Resources(cpu="500m", memory="512Mi", gpu=1, disk="10Gi", shm="2Gi"))
auto_env = _env("auto", sdk.Resources(cpu=1, shm="auto"))
named_env = _env("named", sdk.Resources(gpu="A100:2"))
t4_env = _env("t4", sdk.Resources(gpu="T4:1", memory="8Gi"))
part_env = _env("part", sdk.Resources(gpu=sdk.GPU("A100", 1, "1g.5gb")))
l4_env = _env("l4", sdk.Resources(gpu=sdk.GPU("L4", 4)))
tpu_env = _env("tpu", sdk.Resources(gpu=sdk.TPU("V5P", "2x2x1")))
device_env = _env(
    "device", sdk.Resources(gpu=sdk.Device(quantity=2, device="Trn1", device_class="NEURON"))
)
empty_env = _env("empty", sdk.Resources())


@cpu_env.task
async def cpu() -> None: ...


@half_env.task
async def half() -> None: ...


@range_env.task
async def ranges() -> None: ...


@all_env.task
async def everything() -> None: ...


@auto_env.task
async def shm_auto() -> None: ...


@named_env.task
async def gpu_named() -> None: ...


@t4_env.task
async def gpu_t4() -> None: ...


@part_env.task
async def gpu_part() -> None: ...


@l4_env.task
async def gpu_l4() -> None: ...


@tpu_env.task
async def tpu() -> None: ...


@device_env.task
async def neuron() -> None: ...


@empty_env.task
async def empty() -> None: ...
