"""What does a quantized KV cache cost your model? The 6x6 grid of llama-server's `-ctk X -ctv Y`, as a test suite."""
