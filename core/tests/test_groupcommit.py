"""What many wait to have written is written in groups, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tasksmithy.runtime.stores._groupcommit import GroupCommit


def test_what_is_added_is_written() -> None:
    written: list[int] = []
    commit = GroupCommit(written.extend)
    asyncio.run(commit.add(1))
    commit.close()
    assert written == [1]


def test_what_comes_together_while_a_group_is_written_is_the_next_group() -> None:
    groups: list[list[int]] = []
    began, go_on = threading.Event(), threading.Event()

    def write(group: list[int]) -> None:
        groups.append(group)
        began.set()
        go_on.wait(60)

    async def main() -> None:
        first = asyncio.create_task(commit.add(0))
        await asyncio.to_thread(began.wait)
        others = [asyncio.create_task(commit.add(number)) for number in range(1, 5)]
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(first, *others)

    commit = GroupCommit(write)
    asyncio.run(main())
    commit.close()
    assert groups == [[0], [1, 2, 3, 4]]


def test_what_write_raises_goes_to_those_who_wait_for_the_group() -> None:
    def write(group: list[int]) -> None:
        raise OSError(f"no room for {group}")

    commit = GroupCommit(write)
    with pytest.raises(OSError, match=r"no room for \[1\]"):
        asyncio.run(commit.add(1))
    commit.close()


def test_what_is_added_while_it_closes_is_written() -> None:
    written: list[int] = []
    began, go_on = threading.Event(), threading.Event()

    def write(group: list[int]) -> None:
        began.set()
        go_on.wait(60)
        written.extend(group)

    async def main() -> None:
        first = asyncio.create_task(commit.add(1))
        await asyncio.to_thread(began.wait)
        closing = asyncio.create_task(asyncio.to_thread(commit.close))
        await asyncio.sleep(0.05)  # it waits for the thread by now
        second = asyncio.create_task(commit.add(2))
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.wait_for(asyncio.gather(first, second, closing), 30)

    commit = GroupCommit(write)
    asyncio.run(main())
    commit.close()
    assert sorted(written) == [1, 2]


def test_whoever_adds_and_closes_at_one_time_nothing_is_lost() -> None:
    written: list[tuple[int, int]] = []
    commit = GroupCommit(written.extend)

    async def add(number: int) -> None:
        for turn in range(100):
            await asyncio.wait_for(commit.add((number, turn)), 30)
            if turn % 7 == number:
                commit.close()

    threads = [threading.Thread(target=asyncio.run, args=(add(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    commit.close()
    assert sorted(written) == [(n, turn) for n in range(4) for turn in range(100)]
