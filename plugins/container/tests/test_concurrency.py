"""Several containers at once leave the event loop free."""

import asyncio
import time

from tasksmithy_container import ContainerTask

LATEST = 0.050  # seconds
TRIES = 10


def test_eight_containers_at_once_do_not_block_the_loop(image: str, engine: str) -> None:
    task = ContainerTask(
        name="t",
        image=image,
        command=["sh", "-c", "seq 1000; echo {{.inputs.x}} > /var/outputs/o"],
        inputs={"x": int},
        outputs={"o": int},
        local_logs=False,
    )

    async def lateness() -> float:
        latest = 0.0

        async def tick() -> None:
            nonlocal latest
            while True:
                start = time.perf_counter()
                await asyncio.sleep(0.005)
                latest = max(latest, time.perf_counter() - start - 0.005)

        ticker = asyncio.create_task(tick())
        results = await asyncio.gather(*(task.aio(x=number) for number in range(8)))
        ticker.cancel()
        assert list(results) == list(range(8))
        return latest

    # A machine with other things to do may be late by itself: the best of several tries counts.
    tries = []
    while not tries or (min(tries) > LATEST and len(tries) < TRIES):
        tries.append(asyncio.run(lateness()))
    assert min(tries) <= LATEST, tries
