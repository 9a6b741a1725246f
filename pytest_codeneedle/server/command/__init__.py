"""The words of a server's command: as people paste them, what each flag means, which may be theirs to set."""
