"""Secrets: where their values come from, and how none is shown.

The modules are private: `tasksmithy` and `tasksmithy.extend` have the public names.
"""
