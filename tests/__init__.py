"""The tests. `machine`, `processes` and `stock` are what the fixtures in `conftest` are made of."""
