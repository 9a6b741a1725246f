"""Many runs as a folder of pages with an index."""
