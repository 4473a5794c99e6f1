"""The local run: from a task and its inputs to its result, on this machine.

The modules are private: `tasksmithy` and `tasksmithy.extend` have the public names.
"""
