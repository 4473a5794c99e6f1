"""Concurrency: blocking code beside an event loop, and places that many wait for.

The modules are private: `tasksmithy` and `tasksmithy.extend` have the public names.
"""
