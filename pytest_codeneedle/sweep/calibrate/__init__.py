"""`codeneedle calibrate`: control models with known recall are asked, and the grid is held against the expected one."""
