{% include cookiecutter.kind ~ '/task.py' -%}
