"""A corpus: files -> one text -> the functions in it -> the sample that is asked for."""
