"""What a llama-server's log says: the cache that was really made, its size, memory, errors."""
