"""Recall: a question, its answer, and how much of the function came back (score, label, log-probability margins)."""
