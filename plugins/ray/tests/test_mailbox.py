"""The mailbox of a run, apart from Ray: its calls come in any order."""

from __future__ import annotations

import asyncio

from tasksmithy_ray._remote import Letter, Mailbox


def letter(number: int) -> Letter:
    return "a1", "run", (1, number, b"", ())


def test_a_reader_that_is_woken_goes_on_even_if_its_call_comes_later() -> None:
    async def woken(first: str) -> list[Letter]:
        mailbox = Mailbox()
        if first == "wake":
            await mailbox.wake("a1")
        taking = asyncio.create_task(mailbox.take("a1"))
        await asyncio.sleep(0)
        if first == "take":
            await mailbox.wake("a1")
        return await asyncio.wait_for(taking, 60)

    assert asyncio.run(woken("take")) == []
    assert asyncio.run(woken("wake")) == []


def test_letters_of_a_box_are_taken_in_the_order_in_which_they_were_posted() -> None:
    async def taken() -> list[Letter]:
        mailbox = Mailbox()
        await mailbox.post([letter(1), letter(2)])
        await mailbox.post([letter(3)])
        return await mailbox.take("a1")

    assert asyncio.run(taken()) == [letter(1), letter(2), letter(3)]


def test_a_box_that_is_closed_is_forgotten_and_its_reader_goes_on() -> None:
    async def taken() -> list[Letter]:
        mailbox = Mailbox()
        taking = asyncio.create_task(mailbox.take("a1"))
        await asyncio.sleep(0)
        await mailbox.post([("a1", "run", None)])
        letters = await asyncio.wait_for(taking, 60)
        assert not mailbox._boxes
        return letters

    assert asyncio.run(taken()) == []
