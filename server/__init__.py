"""NetForge over HTTP, and the graph for `langgraph dev`."""
