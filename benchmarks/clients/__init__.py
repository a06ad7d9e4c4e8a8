"""The load, each kind in a process of its own, so that its cost is never the gateway's. Standard library only."""
