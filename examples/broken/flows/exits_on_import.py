import sys

from pydantic import BaseModel
from prefect import flow


class Options(BaseModel):
    limit: int = 3


@flow(name="exits-on-import")
def load(options: Options) -> int:
    return options.limit


sys.exit("this file was written as a script")
