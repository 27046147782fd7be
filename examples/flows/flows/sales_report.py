"""A report over a period that whoever starts it chooses in a form of the Prefect UI."""

from datetime import date, timedelta
from enum import Enum

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from pydantic import BaseModel, Field

from shop.orders import orders_of


class Grouping(Enum):
    COUNTRY = "country"
    PRODUCT = "product"


class Period(BaseModel):
    """Days to report on, the first and the last included."""

    first: date = date(2026, 1, 1)
    days: int = Field(default=7, ge=1, le=31)

    def each_day(self) -> list[date]:
        return [self.first + timedelta(days=offset) for offset in range(self.days)]


FIRST_WEEK = Period()


@task
def sums(period: Period, grouping: Grouping) -> dict[str, float]:
    found: dict[str, float] = {}
    for day in period.each_day():
        for order in orders_of(day):
            key = getattr(order, grouping.value)
            found[key] = found.get(key, 0.0) + float(order.total)
    return found


@flow(name="sales-report", log_prints=True)
def sales_report(period: Period = FIRST_WEEK, grouping: Grouping = Grouping.COUNTRY) -> str:
    """Revenue over a period as a table among the artifacts of the run."""
    rows = [f"| {key} | {total:.2f} |" for key, total in sorted(sums(period, grouping).items())]
    table = "\n".join([f"| {grouping.value} | revenue |", "| --- | ---: |", *rows])
    create_markdown_artifact(table, key="sales-report", description=f"{period.days} days from {period.first}")
    print(f"{len(rows)} rows")
    return table
