"""A container between Python functions; where there is no engine, the pipeline goes on without it.

tasksmithy run examples/container.py main --text "one two three"

The image is an input: any that has a shell and `wc` will do, and one that is on this machine is not
pulled.
"""

import sys

from tasksmithy import TaskEnvironment
from tasksmithy.extras import ContainerTask
from tasksmithy_container import NoEngineError

env = TaskEnvironment(name="container")


def word_counter(image: str) -> ContainerTask:
    """The container step: it reads the file of its input and writes the file of its output."""
    return ContainerTask(
        name="container.count_words",
        image=image,
        command="sh -c 'wc -w < /var/inputs/text > /var/outputs/words'",
        inputs={"text": str},
        outputs={"words": int},
        retries=1,
        timeout=600,
    )


@env.task
async def report(words: int | None) -> str:
    return "nobody counted" if words is None else f"{words} words"


@env.task(entrypoint=True)
async def main(text: str = "to be or not to be", image: str = "docker.io/library/busybox:1") -> str:
    """Count the words of a text in a container."""
    try:
        words = await word_counter(image)(text=text)
    except NoEngineError as error:
        print(f"The pipeline goes on without its container step: {error}", file=sys.stderr)
        words = None
    return await report(words)
