"""The local run: tasks on this machine, without a server."""
