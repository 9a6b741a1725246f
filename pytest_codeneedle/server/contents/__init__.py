"""What a server is made of, by content: SHA-256 of its program, of the files that it names, of its script."""
