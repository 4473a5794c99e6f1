"""A function that counts words, with as many threads as its configuration says."""

from tasksmithy import TaskEnvironment, current

from {{ cookiecutter.__module }} import {{ cookiecutter.__class }}Config

env = TaskEnvironment(name="example", plugin_config={{ cookiecutter.__class }}Config(workers=2))


def words_in(line: str) -> int:
    return len(line.split())


@env.task
def count_words(text: str) -> str:
    """Count the words of a text, line by line."""
    config, pool = current().data["config"], current().data["pool"]
    total = sum(pool.map(words_in, text.splitlines()))
    return f"{total} words, counted by {config.workers} threads"
