"""Stores: what outlives a run, in SQLite.

The modules are private: `tasksmithy` and `tasksmithy.extend` have the public names.
"""
