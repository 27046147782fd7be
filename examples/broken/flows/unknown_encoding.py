# -*- coding: utf-7000 -*-
from prefect import flow


@flow(name="unknown-encoding")
def load(city: str = "Cologne") -> str:
    return city
