"""Task type `{{ cookiecutter.task_type }}`: a task is {{ cookiecutter.__a_task }}."""

{% if cookiecutter.kind == "function" -%}
from {{ cookiecutter.__module }}.config import {{ cookiecutter.__class }}Config
{% endif -%}
from {{ cookiecutter.__module }}.task import {{ cookiecutter.__class }}Task

__version__ = "0.1.0"

__all__ = [
{%- if cookiecutter.kind == "function" %}
    "{{ cookiecutter.__class }}Config",
{%- endif %}
    "{{ cookiecutter.__class }}Task",
    "__version__",
]
