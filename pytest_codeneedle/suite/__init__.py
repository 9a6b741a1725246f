"""The one packaged test module that `pytest --kv-grid` runs."""
