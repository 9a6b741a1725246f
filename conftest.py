"""This repository's own tests. Imports with nothing but `.[embedded]` installed."""
