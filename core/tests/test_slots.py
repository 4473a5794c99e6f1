"""Slots: units for waiters in any thread and any event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tasksmithy.concurrency._slots import Slots


async def turns(times: int = 5) -> None:
    """Let the loop do what it has to do."""
    for _ in range(times):
        await asyncio.sleep(0)


def test_who_comes_when_units_are_free_does_not_wait() -> None:
    async def main() -> None:
        slots = Slots(2)
        taking = asyncio.create_task(slots.acquire(2))
        await turns(1)
        assert taking.done()

    asyncio.run(main())


def test_who_comes_when_none_is_free_waits_until_one_is_given_back() -> None:
    async def main() -> None:
        slots = Slots(1)
        await slots.acquire()
        second = asyncio.create_task(slots.acquire())
        await turns()
        assert not second.done()
        slots.release()
        await asyncio.wait_for(second, timeout=5)

    asyncio.run(main())


def test_who_comes_first_is_served_first_also_one_that_needs_more() -> None:
    async def main() -> None:
        slots, served = Slots(2), []
        await slots.acquire(2)

        async def wait(name: str, units: int) -> None:
            await slots.acquire(units)
            served.append(name)

        waiting = [asyncio.create_task(wait("big", 2)), asyncio.create_task(wait("small", 1))]
        await turns()
        slots.release(1)
        await turns()
        assert served == []
        slots.release(1)
        await asyncio.wait_for(waiting[0], timeout=5)
        assert served == ["big"]
        slots.release(2)
        await asyncio.wait_for(waiting[1], timeout=5)

    asyncio.run(main())


def test_a_waiter_that_is_cancelled_leaves_its_place_to_the_next() -> None:
    async def main() -> None:
        slots = Slots(1)
        await slots.acquire()
        gone, next_one = (asyncio.create_task(slots.acquire()) for _ in range(2))
        await turns()
        gone.cancel()
        await turns()
        slots.release()
        await asyncio.wait_for(next_one, timeout=5)

    asyncio.run(main())


def test_a_big_waiter_that_is_cancelled_lets_a_small_one_pass_at_once() -> None:
    async def main() -> None:
        slots = Slots(2)
        await slots.acquire(1)
        big = asyncio.create_task(slots.acquire(2))
        await turns()
        small = asyncio.create_task(slots.acquire(1))
        await turns()
        big.cancel()
        await asyncio.wait_for(small, timeout=5)

    asyncio.run(main())


def test_units_granted_in_the_moment_of_cancelling_are_not_lost() -> None:
    async def main() -> None:
        slots = Slots(1)
        await slots.acquire()
        waiter = asyncio.create_task(slots.acquire())
        await turns()
        slots.release()  # grants it to the waiter, who has not heard of it yet
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        await asyncio.wait_for(slots.acquire(), timeout=5)

    asyncio.run(main())


def test_a_thread_waits_for_what_a_loop_holds() -> None:
    async def main() -> None:
        slots, order = Slots(1), []
        await slots.acquire()

        def work() -> None:
            slots.acquire_blocking()
            order.append("thread")
            slots.release()

        thread = threading.Thread(target=work)
        thread.start()
        await asyncio.sleep(0.05)
        order.append("loop")
        slots.release()
        await asyncio.to_thread(thread.join, 10)
        assert order == ["loop", "thread"]

    asyncio.run(main())


def test_loops_in_two_threads_share_the_units() -> None:
    slots = Slots(1)
    inside: list[int] = []
    most: list[int] = []

    async def work() -> None:
        for _ in range(50):
            await slots.acquire()
            inside.append(1)
            most.append(len(inside))
            await asyncio.sleep(0)
            inside.pop()
            slots.release()

    threads = [threading.Thread(target=lambda: asyncio.run(work())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(most) == 100
    assert max(most) == 1
