"""A sweep: what is asked, in which order, and asking it. Knows no pytest."""
