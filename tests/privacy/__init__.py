"""The canary run: names and numbers that must be found nowhere but where they belong, and after an erasure not even there."""
