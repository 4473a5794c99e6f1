"""An attempt in a process of its own: the run's side, the worker, and the wire between them."""
