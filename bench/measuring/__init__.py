"""What the benchmarks share: fresh Prefect servers that count requests, and rows for docs/benchmarks.md."""
