"""A container that counts words."""

from {{ cookiecutter.__module }} import {{ cookiecutter.__class }}Task

count_words = {{ cookiecutter.__class }}Task(
    name="count_words",
    script="wc -w < /var/inputs/text > /var/outputs/words",
    inputs={"text": str},
    outputs={"words": int},
    timeout=600,
)
