"""What this repository's own tests share. Imports with nothing but `.[embedded]` installed."""
