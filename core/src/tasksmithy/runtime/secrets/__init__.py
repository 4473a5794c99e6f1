"""The secrets of tasks: where they come from, and that they are not shown."""
