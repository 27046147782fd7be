from prefect import flow


@flow(name="unknown-timezone")
def load(limit: int = 3) -> int:
    return limit
