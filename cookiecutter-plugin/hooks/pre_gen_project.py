"""The rules for what may be given to the template. Standard library alone: it runs anywhere."""

import keyword
import re
import sys

SHIPPED = {"python", "raw-container", "sql"}
USED = {
    *("tasksmithy", "tasksmithy-function", "tasksmithy-container", "tasksmithy-sql"),
    *("duckdb", "example", "pluggy", "pydantic", "pytest", "tests"),
}


def problem_with_task_type(name: str) -> str | None:
    """What is wrong with the name of a task type; None where nothing is."""
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name) or len(name) > 25:
        return (
            "a task type is lower-case letters and digits, in words joined by - or _, begins with "
            "a letter, and has at most 25 characters"
        )
    if name in SHIPPED:
        return "a task type has a name of its own, and this one ships with tasksmithy"
    if name.startswith(("tasksmithy", "pluggy")) or name in {"function", "container"}:
        return "a task type has a name of its own, and this one is that of a part of tasksmithy"
    if name.startswith("test"):
        return "a task type does not begin with test, because pytest takes such classes for tests"
    return None


def problem_with_distribution(name: str) -> str | None:
    """What is wrong with the name of a distribution, or of the module in it."""
    pattern = r"[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]"
    if not re.fullmatch(pattern, name) or len(name) > 40:
        return (
            "the name of a distribution is ASCII letters, digits, . _ and -, begins and ends with "
            "a letter or a digit (PEP 508), and has at most 40 characters"
        )
    if re.sub(r"[-_.]+", "-", name).lower() in USED:
        return "a distribution has a name of its own, and this one is used in the project already"
    module = re.sub(r"[-.]", "_", name).lower()
    if not module.isidentifier() or keyword.iskeyword(module):
        return (
            f"a distribution has a module of its name, and {module} is no Python identifier, or a "
            "keyword"
        )
    if module in sys.stdlib_module_names:
        return (
            f"a distribution has a module of its name, and {module} would hide the module of the "
            "standard library"
        )
    return None


def problem_with_author(name: str) -> str | None:
    """What is wrong with the author."""
    if not name.strip() or not name.isprintable() or re.search(r'["\\]', name):
        return "an author is one line of text, without double quotes and backslashes"
    return None


RULES = {
    "task_type": problem_with_task_type,
    "project_slug": problem_with_distribution,
    "author": problem_with_author,
}


def problem_with(key: str, value: str) -> str | None:
    """What is wrong with an answer, and the rule; None where nothing is."""
    problem = RULES[key](value) if key in RULES else None
    return None if problem is None else f"{value!r} is not allowed: {problem}"


if __name__ == "__main__":
    answers = {
        "task_type": {{cookiecutter.task_type | tojson}},
        "project_slug": {{cookiecutter.project_slug | tojson}},
        "author": {{cookiecutter.author | tojson}},
    }
    problems = [found for found in (problem_with(*answer) for answer in answers.items()) if found]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    sys.exit(2 if problems else 0)
