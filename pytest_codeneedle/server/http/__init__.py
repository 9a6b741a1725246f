"""HTTP to a server: requests, streams, limits on every reply, refusals in words."""
