"""Runs `tasksmithy` in forks of one process, as most of what a short command takes is importing.

Reads a command from each line of its stdin, `{"words": [...], "folder": ..., "environ": {...},
"out": FILE, "err": FILE}`, and writes its exit code. What a fork imports is its own.
"""

import asyncio  # noqa: F401
import json
import os
import runpy
import sys

import tasksmithy_function.task  # noqa: F401

path = sys.path[1:]  # without the folder of this file
for line in sys.stdin:
    command = json.loads(line)
    process = os.fork()
    if process == 0:
        break
    sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}\n")
    sys.stdout.flush()
else:
    sys.exit()

# From here on this is the command, and ends as one.
os.setsid()
os.chdir(command["folder"])
os.environ.clear()
os.environ.update(command["environ"])
for number, file in enumerate((os.devnull, command["out"], command["err"])):
    opened = os.open(file, os.O_WRONLY if number else os.O_RDONLY)
    os.dup2(opened, number)
    os.close(opened)
sys.stdin = open(0, closefd=False)  # noqa: SIM115 - without what the other has read ahead
given = os.environ.get("PYTHONPATH", "")
sys.path[:] = [command["folder"], *filter(None, given.split(os.pathsep)), *path]
sys.argv[1:] = command["words"]
runpy.run_module("tasksmithy", run_name="__main__", alter_sys=True)
