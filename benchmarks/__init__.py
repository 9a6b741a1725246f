"""Speed, shown as ratios that are measured in one run; no test asserts a time."""
