{% include cookiecutter.kind ~ '/test_example.py' -%}
