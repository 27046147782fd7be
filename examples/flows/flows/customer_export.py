"""A function that other programs use too, and that becomes a flow by assignment."""

import csv
import io
from datetime import date

from prefect import flow as make_flow

from shop.orders import orders_of


def export(day: date | None = None, delimiter: str = ",") -> str:
    """The customers' countries and orders of a day as CSV text."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["order", "country"])
    writer.writerows([order.number, order.country] for order in orders_of(day or date.today()))
    return text.getvalue()


customer_export = make_flow(export, name="customer-export")
