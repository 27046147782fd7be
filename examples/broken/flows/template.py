from prefect import flow


@flow(name="{{ project }}-load")
def {{ project }}_load(limit: int = 3) -> int:
    return limit
