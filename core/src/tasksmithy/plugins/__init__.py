"""Plugins: what is installed, which of it is chosen, and how the chosen one answers.

The modules are private: `tasksmithy` and `tasksmithy.extend` have the public names.
"""
