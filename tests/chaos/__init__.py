"""The fault campaign: the whole system at load while its processes and engines are killed, frozen and restarted."""
