"""Speed and memory, as ratios that hold on other machines; ``python -m benchmarks`` prints a table, writes JSON."""
