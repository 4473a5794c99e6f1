"""Fields: the values that the fields of a task hold, each checked when the task is defined.

The modules are private: `tasksmithy` and `tasksmithy.extend` have the public names.
"""
