"""An attempt in a process of its own: the executor, and the program in the process."""
