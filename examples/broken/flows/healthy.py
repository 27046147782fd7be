from prefect import flow


@flow(name="healthy")
def healthy(limit: int = 3) -> int:
    """The one flow here that nothing is wrong with: it is deployed in spite of all the others."""
    return limit
