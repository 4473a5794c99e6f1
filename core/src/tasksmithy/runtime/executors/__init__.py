"""Executors: where an attempt is made.

The modules are private: `tasksmithy` and `tasksmithy.extend` have the public names.
"""
