"""Computed models with known recall, written as GGUF: the instrument's own controls."""
