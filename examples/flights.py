"""Which airlines were late? SQL tasks on a file as a table, and Python functions, in one pipeline.

tasksmithy run examples/flights.py main --month 3
tasksmithy render examples/flights.py --format json
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tasksmithy import File, RetryStrategy, TaskEnvironment
from tasksmithy_sql import SQLTask

FLIGHTS = File(Path(__file__).with_name("flights.csv"))

env = TaskEnvironment(name="flights", description="Delays of flights, by airline and airport.")


@dataclass
class Carrier:
    carrier: str
    flights: int
    delay: float
    """Minutes, on average."""


@dataclass
class Flight:
    origin: str
    destination: str
    delay: int


# An input that is a file is a table under its name; one that is a value is a parameter.
delays_by_carrier = SQLTask(
    name="flights.delays_by_carrier",
    query="""
        select carrier, count(*) as flights, round(avg(delay), 1) as delay
        from flights where month = :month
        group by carrier order by delay desc
    """,
    inputs={"flights": File, "month": int},
    output=list[Carrier],
)
latest_flight = SQLTask(
    name="flights.latest_flight",
    query="""
        select origin, destination, delay
        from flights where month = :month
        order by delay desc, day limit 1
    """,
    inputs={"flights": File, "month": int},
    output=list[Flight],
)


@env.task
def as_lines(carriers: list[Carrier]) -> str:
    """One line for each airline, the latest first."""
    return "\n".join(
        f"{row.carrier:<12}{row.flights:>4} flights, {row.delay:>5} minutes late"
        for row in carriers
    )


@env.task(entrypoint=True, retries=RetryStrategy(count=2))
async def main(month: int, file: File = FLIGHTS) -> str:
    """Report the delays of one month."""
    carriers, latest = await asyncio.gather(
        delays_by_carrier(flights=file, month=month),
        latest_flight(flights=file, month=month),
    )
    if not carriers:
        return f"month {month}: no flights"
    [flight] = latest
    return (
        f"month {month}\n{await as_lines.aio(carriers)}\n"
        f"latest: {flight.origin} to {flight.destination}, {flight.delay} minutes"
    )
