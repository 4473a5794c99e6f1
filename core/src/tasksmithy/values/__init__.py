"""Values: what tasks take and give, checked, read from text and JSON, identified and stored.

The modules are private: `tasksmithy` and `tasksmithy.extend` have the public names.
"""
