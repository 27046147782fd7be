from prefect import flow


def make_flow():
    @flow(name="nested-flow")
    def load(limit: int = 3) -> int:
        return limit

    return load
