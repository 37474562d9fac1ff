"""The figures of docs/performance.md. Each module measures one, as ratios within one run on real engines."""
