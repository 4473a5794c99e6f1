"""Tasks: what a task declares, what its type is asked, and one attempt of it.

The modules are private: `tasksmithy` and `tasksmithy.extend` have the public names.
"""
