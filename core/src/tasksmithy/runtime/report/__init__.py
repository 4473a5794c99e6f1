"""Reports: a run as people see it, while it runs and afterwards.

The modules are private: `tasksmithy` and `tasksmithy.extend` have the public names.
"""
