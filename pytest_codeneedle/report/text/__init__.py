"""A run on a terminal: grids, verdicts in sentences, cautions, comparisons."""
