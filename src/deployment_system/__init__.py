"""Take a repository of Prefect flows to a Prefect server as one transaction."""

__version__ = "0.1.0"
