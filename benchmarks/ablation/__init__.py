"""What each option is worth: ``make ablation``, or ``python -m benchmarks.ablation DATA RUNS`` (docs/ablation.md)."""
