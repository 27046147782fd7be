from prefect import flow


@flow(name="slash/in/name")
def load(limit: int = 3) -> int:
    return limit
