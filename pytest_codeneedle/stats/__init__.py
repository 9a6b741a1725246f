"""What the rows allow to say: paired tests, trends, power, verdicts, one run against another."""
