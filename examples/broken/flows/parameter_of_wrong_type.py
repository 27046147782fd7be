from prefect import flow


@flow(name="parameter-of-wrong-type")
def load(limit: int = 3) -> int:
    return limit
