"""What answers: a command, a program, a model, a process, and the HTTP clients that ask it."""
