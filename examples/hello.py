"""The smallest pipeline: one task calls another, several times side by side.

tasksmithy run examples/hello.py main --n 3
"""

import asyncio

from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="hello")


@env.task
async def greet(number: int) -> str:
    return f"hello {number}"


@env.task(entrypoint=True)
async def main(n: int = 3) -> str:
    """Greet `n` times."""
    return "\n".join(await asyncio.gather(*(greet(number) for number in range(1, n + 1))))
