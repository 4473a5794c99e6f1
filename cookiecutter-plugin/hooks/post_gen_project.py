"""Removes what was not asked for, and says what comes next."""

import shutil
from pathlib import Path

if "{{ cookiecutter.kind }}" != "function":
    Path("src/{{ cookiecutter.__module }}/config.py").unlink()
if "{{ cookiecutter.ci }}" == "none":
    shutil.rmtree(".github")

project = Path({{cookiecutter._output_dir | tojson}}, "{{ cookiecutter.project_slug }}")
print(f"""
{project} is ready. What comes next:

  1. cd {project}
  2. python -m pip install --upgrade pip && python -m pip install --group dev --editable .
  3. python -m pytest
  4. tasksmithy run example.py --text "to be or not to be"

README.md says which file is for what.
""")
