{% include cookiecutter.kind ~ '/example.py' -%}
