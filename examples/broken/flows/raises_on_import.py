from pydantic import BaseModel, no_such_name
from prefect import flow


class Options(BaseModel):
    limit: int = 3


@flow(name="raises-on-import")
def load(options: Options) -> int:
    return options.limit
