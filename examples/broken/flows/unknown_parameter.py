from prefect import flow


@flow(name="unknown-parameter")
def load(limit: int = 3) -> int:
    return limit
