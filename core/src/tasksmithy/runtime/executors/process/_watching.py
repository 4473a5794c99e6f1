"""The program in the process of a watch, which `_watch` starts by the name of this file.

It imports nothing until the run is dead: it starts beside the first worker of each run.
"""

import sys

Leaders = dict[int, str]


def left_behind() -> Leaders:
    """The leaders of groups that had begun and not ended when the run died, with their marks."""
    leaders: Leaders = {}
    for line in sys.stdin:
        leader, *mark = line.split()
        if mark:
            leaders[int(leader)] = mark[0]
        else:
            leaders.pop(int(leader), None)
    return leaders


def end(leaders: Leaders, grace: float) -> None:
    """End processes with all that they have started, after the grace."""
    import signal
    import time

    from tasksmithy.concurrency._process_tree import ProcessTree

    trees = [ProcessTree(leader, mark=mark) for leader, mark in leaders.items()]
    until = time.monotonic() + grace  # for those that can end themselves
    while time.monotonic() < until and any(tree.is_alive for tree in trees):
        time.sleep(0.05)
    for tree in trees:
        tree.send(signal.SIGKILL)


if __name__ == "__main__":
    left = left_behind()
    if left:
        sys.path.append(sys.argv[1])
        end(left, float(sys.argv[2]))
