"""The load test: what is asked stands in `mix.toml`, `python -m loadtest` runs it."""
