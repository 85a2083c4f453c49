"""The two models, by role, behind one port."""
