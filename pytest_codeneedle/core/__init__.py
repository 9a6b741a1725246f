"""The words that every room uses: errors, cache types, cells, text for a terminal, files, this machine."""
