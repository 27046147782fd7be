from prefect import flow


class Loader:
    @flow(name="method-flow")
    def load(self, limit: int = 3) -> int:
        return limit
