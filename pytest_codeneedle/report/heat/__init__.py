"""A grid as colours: which figure has which colour, and the picture (extra `plot`)."""
