"""Task type `python`: a task is a Python function, sync or async."""

from tasksmithy_function.task import AsyncFunctionTaskTemplate

__version__ = "0.1.0"

__all__ = ["AsyncFunctionTaskTemplate", "__version__"]
