"""Memory: what the analyst learned, consolidated, recalled as hints, and kept to be reviewed."""

from graph.memory.item import KINDS, TAG, Item, Kind, MemoryStatus, Provenance
from graph.memory.keeper import Memory

__all__ = ["KINDS", "TAG", "Item", "Kind", "Memory", "MemoryStatus", "Provenance"]
