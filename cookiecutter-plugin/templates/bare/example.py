"""A program that counts words."""

import sys

from tasksmithy import NativeInterface

from {{ cookiecutter.__module }} import {{ cookiecutter.__class }}Task

PROGRAM = "import json, sys; print(len(json.load(sys.stdin)['text'].split()))"

count_words = {{ cookiecutter.__class }}Task(
    name="count_words",
    command=[sys.executable, "-c", PROGRAM],
    interface=NativeInterface.from_types({"text": str}, {"o0": int}),
    timeout=60,
)
